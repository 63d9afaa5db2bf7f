//! Ids and names that every server takes.

use std::{borrow::Cow, collections::BTreeSet};

use super::IdForm;

/// Longest call id that all servers take.
const ID_CHARS_MAX: usize = 64;

/// Longest tool name that all servers take.
const NAME_CHARS_MAX: usize = 64;

/// Characters of an id that is made here: some servers take no other length.
const SHORT_ID_CHARS: usize = 9;

/// The ids given out so far, by their hash.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids(BTreeSet<u64>);

impl Ids {
    /// The id under which the call `stored` is sent. It is never given out twice, and depends on
    /// nothing but the ids before it.
    pub(super) fn give(&mut self, stored: &str, own: bool, form: IdForm) -> String {
        // `a|b` is how the responses dialect keeps the two ids of a call; the first is the call's.
        let id = stored.split('|').next().unwrap_or(stored);
        if own && is_taken_back(id, form) && self.0.insert(hash(id, 0)) {
            return id.to_owned();
        }
        let mut round = 0;
        loop {
            let made = short_id(hash(id, round));
            if self.0.insert(hash(&made, 0)) {
                return made;
            }
            round += 1;
        }
    }
}

fn is_taken_back(id: &str, form: IdForm) -> bool {
    let takes = |c: char| match form {
        IdForm::AsGiven => c.is_ascii_graphic(),
        IdForm::Plain => c.is_ascii_alphanumeric() || c == '_' || c == '-',
    };
    !id.is_empty() && id.len() <= ID_CHARS_MAX && id.chars().all(takes)
}

/// Nine letters and digits made of `number`, an id that even the strictest server takes.
pub(crate) fn short_id(mut number: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut id = String::with_capacity(SHORT_ID_CHARS);
    for _ in 0..SHORT_ID_CHARS {
        let digit = usize::try_from(number % 62).unwrap_or_default();
        id.push(char::from(DIGITS[digit]));
        number /= 62;
    }
    id
}

/// FNV-1a: the same in every run, so that the providers' caches hold.
fn hash(text: &str, round: u64) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64 ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    text.bytes()
        .fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A tool's name with nothing in it that a server refuses: it begins with a letter or `_`, goes
/// on with letters, digits, `_` and `-`, and has at most 64 characters.
pub(crate) fn tool_name(name: &str) -> Cow<'_, str> {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins_well && name.len() <= NAME_CHARS_MAX && name.chars().all(is_safe) {
        return Cow::Borrowed(name);
    }
    let mut safe = String::with_capacity(name.len().min(NAME_CHARS_MAX) + 1);
    if !begins_well {
        safe.push('_');
    }
    safe.extend(name.chars().map(|c| if is_safe(c) { c } else { '_' }).take(NAME_CHARS_MAX));
    safe.truncate(NAME_CHARS_MAX);
    if safe == "_" {
        safe.push_str("unnamed");
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_such_that_every_server_takes_them() {
        assert_eq!(tool_name("exec"), "exec");
        assert_eq!(tool_name("functions.exec"), "functions_exec");
        assert_eq!(tool_name("9lives"), "_9lives");
        assert_eq!(tool_name(""), "_unnamed");
        assert_eq!(tool_name(&"ü".repeat(200)).len(), NAME_CHARS_MAX);
    }

    #[test]
    fn ids_are_kept_where_they_come_from_and_made_anew_elsewhere() {
        let mut ids = Ids::default();

        assert_eq!(ids.give("functions.exec:0", true, IdForm::AsGiven), "functions.exec:0");
        assert_eq!(ids.give("call_1|fc_2", true, IdForm::Plain), "call_1");
        let again = ids.give("call_1", true, IdForm::Plain);
        let foreign = ids.give("toolu_abc", false, IdForm::AsGiven);
        assert!(again.len() == 9 && foreign.len() == 9 && again != foreign);
        assert!(foreign.chars().all(|c| c.is_ascii_alphanumeric()));
    }
}
