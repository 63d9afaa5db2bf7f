//! What the strictest known server of each dialect refuses, beyond the common law.

use std::collections::BTreeSet;

use serde_json::Value;

use super::view::Dialect;

/// Image types that all servers read.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Longest base64 text of an image at the strictest server.
const IMAGE_CHARS_MAX: usize = 5 * 1024 * 1024;

/// Longest tool name and id.
const NAME_CHARS_MAX: usize = 64;

/// Adds all breaches of `body` to `broken`.
pub(super) fn breaches(dialect: Dialect, body: &Value, broken: &mut Vec<String>) {
    match dialect {
        Dialect::Chat => chat(body, broken),
        Dialect::Responses => responses(&body["input"], broken),
        Dialect::Messages => messages(body, broken),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn name(value: &Value, broken: &mut Vec<String>) {
    let it = text(value);
    let begins = it.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_plain = it.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if !begins || !is_plain || it.len() > NAME_CHARS_MAX {
        broken.push(format!("tool name {value} is not taken everywhere"));
    }
}

fn id(value: &Value, broken: &mut Vec<String>) {
    let it = text(value);
    let is_plain = it.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if it.is_empty() || !is_plain || it.len() > NAME_CHARS_MAX {
        broken.push(format!("id {value} is not taken everywhere"));
    }
}

fn chat(body: &Value, broken: &mut Vec<String>) {
    let model = text(&body["model"]);
    let mut before = "";
    for message in items(&body["messages"]) {
        let role = text(&message["role"]);
        let follows = match (before, role) {
            ("user", "user") | ("assistant", "assistant") => false,
            // Templates of this family count roles and find two persons in a row.
            ("tool", "user") => !model.contains("mistral"),
            _ => true,
        };
        if !follows {
            broken.push(format!("`{role}` after `{before}`"));
        }
        before = role;
        let calls = items(&message["tool_calls"]);
        if message.get("tool_calls").is_some() && calls.is_empty() {
            broken.push("an empty list of calls".to_owned());
        }
        for call in calls {
            name(&call["function"]["name"], broken);
            if call["type"] != "function" || !call["function"]["arguments"].is_string() {
                broken.push("a call is no function with arguments in a string".to_owned());
            }
        }
        match role {
            "assistant" => {
                if message["content"].is_null() && calls.is_empty() {
                    broken.push("the model says nothing".to_owned());
                }
                let thinks = message["reasoning_content"].is_string();
                if model.contains("deepseek") && !calls.is_empty() && !thinks {
                    broken.push("a call without its reasoning_content".to_owned());
                }
            }
            "tool" if !message["content"].is_string() => {
                broken.push("a result is no string".to_owned());
            }
            "user" => {
                for part in items(&message["content"]) {
                    if part["type"] == "image_url" {
                        data_url(&part["image_url"]["url"], broken);
                    } else if text(&part["text"]).trim().is_empty() {
                        broken.push("a part of a message is blank".to_owned());
                    }
                }
            }
            _ => {}
        }
    }
}

fn data_url(url: &Value, broken: &mut Vec<String>) {
    let known = IMAGES
        .iter()
        .any(|it| text(url).strip_prefix("data:").is_some_and(|rest| rest.starts_with(it)));
    if !known {
        broken.push("an image of a type that models do not read".to_owned());
    }
}

fn messages(body: &Value, broken: &mut Vec<String>) {
    for message in items(&body["messages"]) {
        for block in items(&message["content"]) {
            match text(&block["type"]) {
                "tool_use" => {
                    name(&block["name"], broken);
                    id(&block["id"], broken);
                }
                "tool_result" => result(block, broken),
                "image" => image(block, broken),
                _ => {}
            }
        }
    }
    let thinks = body["thinking"].is_object();
    let newest = items(&body["messages"]).iter().rev().find(|it| it["role"] == "assistant");
    let last_is_result = items(&body["messages"])
        .last()
        .is_some_and(|it| items(&it["content"]).iter().all(|it| it["type"] == "tool_result"));
    if thinks && last_is_result {
        let first = newest.map(|it| text(&it["content"][0]["type"])).unwrap_or_default();
        if !first.contains("thinking") {
            broken.push("thinking in a row of calls that began without".to_owned());
        }
    }
    if let (Some(budget), Some(most)) =
        (body["thinking"]["budget_tokens"].as_u64(), body["max_tokens"].as_u64())
        && (budget < 1024 || budget >= most)
    {
        broken.push(format!("{budget} tokens of thinking within {most}"));
    }
}

fn result(block: &Value, broken: &mut Vec<String>) {
    for part in items(&block["content"]) {
        if part["type"] == "image" {
            image(part, broken);
            if block["is_error"] == true {
                broken.push("a failed result holds an image".to_owned());
            }
        } else if text(&part["text"]).trim().is_empty() {
            broken.push("a part of a result is blank".to_owned());
        }
    }
}

fn image(block: &Value, broken: &mut Vec<String>) {
    let source = &block["source"];
    let is_known = IMAGES.contains(&text(&source["media_type"]));
    let length = text(&source["data"]).len();
    if !is_known || length == 0 || length > IMAGE_CHARS_MAX {
        broken.push("an image that models do not read".to_owned());
    }
}

fn responses(input: &Value, broken: &mut Vec<String>) {
    let mut ids = BTreeSet::new();
    let mut waits = false;
    for item in items(input) {
        let sort = text(&item["type"]);
        let begins = match sort {
            "message" => "msg_",
            "function_call" => "fc_",
            "reasoning" => "rs_",
            _ => "",
        };
        if let Some(found) = item.get("id") {
            id(found, broken);
            if !text(found).starts_with(begins) || !ids.insert(found.to_string()) {
                broken.push(format!("item id {found} is wrong or there twice"));
            }
        }
        if waits && !matches!(sort, "reasoning" | "function_call") && item["role"] != "assistant" {
            broken.push("reasoning that nothing follows".to_owned());
        }
        waits = sort == "reasoning";
        match sort {
            "reasoning"
                if text(&item["encrypted_content"]).is_empty() || !item["summary"].is_array() =>
            {
                broken.push("reasoning without its content".to_owned());
            }
            "function_call" => {
                name(&item["name"], broken);
                id(&item["call_id"], broken);
            }
            "message" => {
                for part in items(&item["content"]) {
                    if part["type"] == "input_image" {
                        data_url(&part["image_url"], broken);
                    } else if text(&part["text"]).trim().is_empty() {
                        broken.push("a part of a message is blank".to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    if waits {
        broken.push("reasoning that nothing follows".to_owned());
    }
}
