//! What a dialect is: how a request is written and how its reply is read.
//!
//! A dialect is pure. Sending, retrying and naming errors is [`crate::endpoint`]'s.

use std::collections::BTreeMap;

use domain::{Part, Secret, StopReason, Usage};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::{
    Delta, Request,
    fault::Fault,
    history::Piece,
    quirks::{Quirk, Quirks},
};

/// One wire dialect.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Its name in config files and transcripts.
    pub(crate) api: config::Api,
    /// Appended to the base URL.
    pub(crate) path: &'static str,
    /// Writes the body of a request.
    pub(crate) encode: fn(&Request, &Route) -> serde_json::Result<Vec<u8>>,
    /// Headers beside the configured ones; the key is among them.
    pub(crate) headers: fn(&Route) -> HeaderMap,
    /// Makes a reader for one reply of a server with these deviations.
    pub(crate) decoder: fn(Quirks) -> Box<dyn Decoder>,
}

/// How to reach one model, and with which deviations.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// Base URL without a slash at the end.
    pub(crate) base_url: String,
    /// The key, if there is one.
    pub(crate) key: Option<Secret>,
    /// Extra headers.
    pub(crate) headers: BTreeMap<String, Secret>,
    /// Whether the key goes into `Authorization: Bearer` whatever the dialect's custom.
    pub(crate) auth_header: bool,
    /// Deviations from the dialect.
    pub(crate) compat: config::Compat,
    /// `temperature`, `maxTokens`, `cacheRetention`.
    pub(crate) params: Map<String, Value>,
    /// Whether replies are asked for as streams.
    pub(crate) streams: bool,
    /// What the server turned out not to take.
    pub(crate) quirks: Quirks,
}

impl Route {
    /// The configured temperature.
    pub(crate) fn temperature(&self) -> Option<f64> {
        let takes = !self.quirks.has(Quirk::NoTemperature);
        self.params.get("temperature").and_then(Value::as_f64).filter(|_| takes)
    }

    /// The configured output limit, at most what the model can write and what a prompt of `size`
    /// leaves of its window.
    pub(crate) fn output_tokens(&self, model: &crate::Model, size: Size) -> u64 {
        let quirks = &self.quirks;
        let most = model.output_tokens_max.min(quirks.output_tokens_max.unwrap_or(u64::MAX)).max(1);
        let asked = self.params.get("maxTokens").and_then(Value::as_u64).filter(|&n| n > 0);
        let wanted = asked.map_or(most, |n| n.min(most));
        let window = model.context_tokens.min(quirks.context_tokens.unwrap_or(u64::MAX));
        let room = window.saturating_sub(size.tokens()).saturating_sub(OUTPUT_MARGIN_TOKENS);
        // With less room than this the prompt does not fit anyway, and the server says so.
        wanted.min(room.max(OUTPUT_TOKENS_MIN))
    }

    /// How long the provider is asked to keep the prompt.
    pub(crate) fn cache_retention(&self) -> CacheRetention {
        match self.params.get("cacheRetention").and_then(Value::as_str) {
            Some("none") => CacheRetention::None,
            Some("long") => CacheRetention::Long,
            Some(_) | None => CacheRetention::Short,
        }
    }

    /// Whether the base URL's host is `host` or lies below it.
    pub(crate) fn is_at(&self, host: &str) -> bool {
        url::Url::parse(&self.base_url).ok().and_then(|url| {
            let name = url.host_str()?;
            Some(name == host || name.strip_suffix(host).is_some_and(|rest| rest.ends_with('.')))
        }) == Some(true)
    }
}

/// Tokens that are left free beside the prompt and the reply, for what servers add.
const OUTPUT_MARGIN_TOKENS: u64 = 256;

/// Least output limit that is asked for, if the model can write as much.
const OUTPUT_TOKENS_MIN: u64 = 1024;

/// Tokens that an image takes, by rule of thumb.
const IMAGE_TOKENS: u64 = 1600;

/// How large a prompt is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    bytes: usize,
    image_bytes: usize,
    images: u64,
}

impl Size {
    /// Counts serialised text, with the images in it.
    pub(crate) fn add(&mut self, text: &str) {
        self.bytes += text.len();
    }

    /// Says which of the text counted is of images.
    pub(crate) fn add_images(&mut self, pieces: &[Piece<'_>]) {
        for piece in pieces {
            if let Piece::Image { data, .. } = piece {
                self.images += 1;
                self.image_bytes += data.len();
            }
        }
    }

    /// Its tokens, by rule of thumb: rather too many than too few.
    fn tokens(self) -> u64 {
        let text = self.bytes.saturating_sub(self.image_bytes) as u64;
        text / 3 + self.images * IMAGE_TOKENS
    }
}

/// How long the provider is asked to keep the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheRetention {
    /// Not at all.
    None,
    /// Its default.
    Short,
    /// As long as it offers.
    Long,
}

/// Reads one reply, event by event.
pub(crate) trait Decoder: Send {
    /// Takes in one event and pushes what it brought.
    fn event(&mut self, data: &str, out: &mut Vec<Delta>) -> Result<Progress, Fault>;

    /// Told when the stream ended without [`Progress::Whole`]; fails unless the reply is whole.
    fn end(&mut self) -> Result<(), Fault>;

    /// The whole reply, and what was held back of it. Called once, after [`Progress::Whole`] or a
    /// good [`Decoder::end`].
    fn reply(&mut self, out: &mut Vec<Delta>) -> Result<Reply, Fault>;
}

/// Whether more events are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Yes.
    More,
    /// Yes, and this event was none of the dialect.
    Skipped,
    /// No, the reply is whole.
    Whole,
}

/// A whole reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    /// Text, thinking and calls, in order.
    pub(crate) parts: Vec<Part>,
    /// Token counts, not priced.
    pub(crate) usage: Usage,
    /// Why it ended.
    pub(crate) stop: StopReason,
}

/// Puts `value` under `name`, marked so that it is never printed; unprintable values are left out.
pub(crate) fn put_secret(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(mut value) = HeaderValue::from_str(value.trim()) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}

/// Puts `Authorization: Bearer <key>`.
pub(crate) fn put_bearer(headers: &mut HeaderMap, key: &Secret) {
    let value = format!("Bearer {}", key.expose().trim());
    put_secret(headers, reqwest::header::AUTHORIZATION, &value);
}
