//! What a request may say. Closed: what is not known is refused, so that a slip of the pen is
//! seen (`spec: http` §5.1).

use serde::Deserialize;
use serde_json::Value;

/// A request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "accepted and of no effect: a closed form must name them")]
pub(super) struct ResponsesRequest {
    /// Whom to ask; see `target`.
    pub(super) model: String,
    /// One text, or items.
    pub(super) input: Value,
    /// Added to the system prompt.
    pub(super) instructions: Option<String>,
    /// Tools that the client runs.
    #[serde(default)]
    pub(super) tools: Value,
    /// Which of them may or must be called.
    #[serde(default)]
    pub(super) tool_choice: Value,
    /// Whether the answer comes in pieces.
    #[serde(default, deserialize_with = "crate::http::lenient::flag")]
    pub(super) stream: Option<bool>,
    /// Most tokens of a reply.
    #[serde(default, deserialize_with = "crate::http::lenient::limit")]
    pub(super) max_output_tokens: Option<u64>,
    /// Names a stable conversation.
    #[serde(default, deserialize_with = "crate::http::lenient::name")]
    pub(super) user: Option<String>,
    /// The response that this one goes on from.
    pub(super) previous_response_id: Option<String>,
    max_tool_calls: Option<Value>,
    temperature: Option<Value>,
    top_p: Option<Value>,
    metadata: Option<Value>,
    store: Option<Value>,
    reasoning: Option<Value>,
    truncation: Option<Truncation>,
    /// Sent by newer clients, for things that are the same here either way.
    include: Option<Value>,
    parallel_tool_calls: Option<Value>,
    text: Option<Value>,
    stream_options: Option<Value>,
    top_logprobs: Option<Value>,
    service_tier: Option<Value>,
    prompt_cache_key: Option<Value>,
    prompt_cache_retention: Option<Value>,
    safety_identifier: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Truncation {
    Auto,
    Disabled,
}

impl ResponsesRequest {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// What to tell the client, with the place.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if value["max_output_tokens"] == 0 {
            return Err("max_output_tokens: must be more than 0".to_owned());
        }
        serde_json::from_value(value).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(request: &Value) -> String {
        ResponsesRequest::parse(request.to_string().as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let with = |field: &str, value: Value| {
            let mut request = json!({"model": "m", "input": "i"});
            request[field] = value;
            request
        };

        assert!(refusal(&with("inptu", json!(1))).contains("inptu"));
        assert!(refusal(&with("truncation", json!("most"))).contains("most"));
        assert!(refusal(&with("max_output_tokens", json!(0))).contains("max_output_tokens"));
        assert!(refusal(&json!({"model": "m"})).contains("input"));
        assert!(refusal(&json!([])).contains("expected"));
    }

    #[test]
    fn types_that_clients_get_wrong_are_understood() {
        let request = json!({
            "model": "m", "input": "i", "stream": "true", "max_output_tokens": -1, "user": 42,
        });

        let request = ResponsesRequest::parse(request.to_string().as_bytes()).unwrap();

        let found = (request.stream, request.max_output_tokens, request.user.as_deref());
        assert_eq!(found, (Some(true), None, Some("42")));
    }

    #[test]
    fn what_has_no_effect_here_is_still_taken() {
        let request = json!({
            "model": "m", "input": "i", "temperature": 1, "top_p": 0.5, "store": true,
            "metadata": {}, "reasoning": {"effort": "low"}, "truncation": "auto",
            "max_tool_calls": 3, "include": [], "parallel_tool_calls": true,
            "stream_options": {}, "service_tier": "auto", "prompt_cache_key": "k",
        });

        assert!(ResponsesRequest::parse(request.to_string().as_bytes()).is_ok());
    }
}
