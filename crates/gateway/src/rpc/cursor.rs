//! How far a client has seen a conversation, in words that only we read.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use domain::{EntryId, SessionId};
use serde::{Deserialize, Serialize};
use store::{Page, Span};

/// A place in a session: how many messages there were, and what the last one was called.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen(String, usize, Option<String>);

/// The end of the branch that `page` is of.
pub(super) fn at_end(session: Option<&SessionId>, page: &Page) -> String {
    let name = session.map(|id| id.as_str().to_owned()).unwrap_or_default();
    let newest = page.newest.as_ref().map(ToString::to_string);
    written(&Seen(name, page.total, newest))
}

/// What is to be read to go on from a cursor; `None` when it is of another session, or none.
pub(super) fn read(cursor: &str, session: &SessionId) -> Option<Span> {
    let bytes = BASE64.decode(cursor).ok()?;
    let Seen(name, seq, id) = serde_json::from_slice(&bytes).ok()?;
    (name == session.as_str()).then(|| Span::After { seq, id: id.map(EntryId::new) })
}

fn written(seen: &Seen) -> String {
    BASE64.encode(serde_json::to_vec(seen).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_session_only() {
        let session = SessionId::new("s1");
        let page = Page { total: 7, newest: Some(EntryId::new("0a1b2c3d")), ..Page::default() };

        let cursor = at_end(Some(&session), &page);

        let expected = Span::After { seq: 7, id: Some(EntryId::new("0a1b2c3d")) };
        assert_eq!(read(&cursor, &session), Some(expected));
        assert_eq!(read(&cursor, &SessionId::new("s2")), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in ".{0,64}") {
            let _none_or_some = read(&text, &SessionId::new("s"));
        }
    }
}
