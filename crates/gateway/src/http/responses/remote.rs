//! What a request names by URL: found in it, and fetched before it is read.

use std::collections::BTreeMap;

use base64::Engine as _;
use config::Intake;
use futures_util::future::join_all;
use serde_json::Value;

use super::ResponsesRequest;
use crate::fetch::{Fetcher, Limits};

/// What sort of thing is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// A text file.
    File,
    /// A picture.
    Image,
}

/// Something that is named by URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Remote {
    sort: Sort,
    url: String,
}

/// What came of each: type and base64, or why not, to go after "what its URL names".
pub(super) type Remotes = BTreeMap<Remote, Result<(String, String), String>>;

impl Sort {
    /// The URL of a part of this sort, if it has one.
    pub(super) fn url(self, part: &Value) -> Option<&str> {
        let fields: &[&str] = match self {
            Self::File => &["file_data", "file_url"],
            Self::Image => &["image_url"],
        };
        let named = fields.iter().find_map(|field| part[*field].as_str());
        named.or_else(|| part["source"]["url"].as_str())
    }
}

impl Remote {
    /// What a part names, unless it brings it along.
    pub(super) fn of(sort: Sort, part: &Value) -> Option<Self> {
        let url = sort.url(part)?.trim();
        let is_far = ["http://", "https://"].iter().any(|scheme| {
            url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        });
        is_far.then(|| Self { sort, url: url.to_owned() })
    }

    /// The last part of the URL's path.
    pub(super) fn file_name(&self) -> Option<String> {
        let path = self.url.split(['?', '#']).next()?.split_once("://")?.1;
        let (_, name) = path.rsplit_once('/')?;
        (!name.is_empty()).then(|| name.to_owned())
    }
}

/// Fetches all that a request names.
///
/// # Errors
///
/// What to tell the client, when it names too much.
pub(super) async fn fetch(
    request: &ResponsesRequest,
    intake: &Intake,
    fetcher: &Fetcher,
) -> Result<Remotes, String> {
    let wanted = named(&request.input);
    if wanted.len() > intake.urls_max {
        return Err(format!("input: at most {} URLs are fetched", intake.urls_max));
    }
    let all = wanted.into_iter().map(|remote| async move {
        let found = one(&remote, intake, fetcher).await;
        (remote, found)
    });
    Ok(join_all(all).await.into_iter().collect())
}

/// What the items of a request name, each once.
fn named(input: &Value) -> Vec<Remote> {
    let items = input.as_array().map_or(&[][..], Vec::as_slice);
    let parts = items.iter().filter_map(|item| item["content"].as_array()).flatten();
    let mut remotes: Vec<Remote> = parts
        .filter_map(|part| match part["type"].as_str()? {
            "input_image" => Remote::of(Sort::Image, part),
            "input_file" => Remote::of(Sort::File, part),
            _ => None,
        })
        .collect();
    remotes.sort();
    remotes.dedup();
    remotes
}

async fn one(
    remote: &Remote,
    intake: &Intake,
    fetcher: &Fetcher,
) -> Result<(String, String), String> {
    let kind = match remote.sort {
        Sort::File => &intake.files,
        Sort::Image => &intake.images,
    };
    if !kind.may_fetch {
        return Err("is not fetched; send the content itself, as base64".to_owned());
    }
    let limits = Limits {
        bytes_max: kind.bytes_max,
        redirects_max: kind.redirects_max,
        patience: kind.patience,
        hosts: kind.hosts.clone(),
    };
    let found = fetcher.get(&remote.url, &limits).await.map_err(|error| {
        tracing::debug!(error = crate::rpc::error::chain(&error), "cannot fetch");
        error.to_string()
    })?;
    let data = base64::engine::general_purpose::STANDARD.encode(&found.bytes);
    Ok((found.mime_type, data))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_place_is_named_once_and_what_is_sent_along_is_none() {
        let image = json!({"type": "input_image", "image_url": "HTTPS://example.org/i.png"});
        let data = json!({"type": "input_image", "image_url": "data:image/png;base64,AA"});
        let source = json!({"type": "url", "url": "http://example.org/a.txt"});
        let file = json!({"type": "input_file", "source": source});
        let input =
            json!([{"content": [image, data, file]}, {"content": [image]}, {"content": "x"}]);

        let names: Vec<_> = named(&input).iter().map(|it| (it.sort, it.file_name())).collect();

        let expected =
            [(Sort::File, Some("a.txt".to_owned())), (Sort::Image, Some("i.png".to_owned()))];
        assert_eq!(names, expected);
        assert!(named(&json!("http://example.org")).is_empty());
    }
}
