//! Devices in words and tables.

use serde_json::Value;

use crate::{
    text::{age, middle_cut},
    ui::{self, Page},
};

/// Characters of a device's id that are shown in a table.
const ID_CHARS: usize = 16;

/// What is best called the name of a device.
pub(super) fn name(device: &Value) -> String {
    let named = ["label", "displayName"].iter().find_map(|key| device[key].as_str());
    let id = device["deviceId"].as_str().unwrap_or("device");
    named.map_or_else(|| id.to_owned(), |name| format!("{name} ({id})"))
}

/// Requests that wait, then devices that were let in.
pub(super) fn list(list: &Value, now_ms: i64) -> Page {
    let rows = |key: &str| list[key].as_array().map_or(&[][..], Vec::as_slice);
    let (waiting, paired) = (rows("pending"), rows("paired"));
    if waiting.is_empty() && paired.is_empty() {
        return "No device pairing entries.".into();
    }
    let mut page = Page::default();
    if !waiting.is_empty() {
        page.extend(pending(waiting, now_ms));
    }
    if !waiting.is_empty() && !paired.is_empty() {
        page.extend([""]);
    }
    if !paired.is_empty() {
        page.extend([format!("Paired ({})", paired.len())]);
        page.extend(paired_table(paired));
    }
    page
}

/// Requests that wait.
pub(super) fn pending(requests: &[Value], now_ms: i64) -> Page {
    if requests.is_empty() {
        return "No device waits.".into();
    }
    let rows = requests
        .iter()
        .map(|request| {
            let since = request["ts"].as_i64().map_or(0, |ts| now_ms.saturating_sub(ts));
            let flags = [("isRepair", "repair"), ("silent", "silent")];
            let set = flags.iter().filter(|(key, _)| request[key] == true).map(|(_, name)| *name);
            vec![
                text(&request["requestId"]),
                short(request),
                text(&request["role"]),
                text(&request["remoteIp"]),
                age(u64::try_from(since).unwrap_or(0)),
                set.collect::<Vec<_>>().join(", "),
            ]
        })
        .collect();
    let mut page = Page::from(format!("Pending ({})", requests.len()));
    page.extend(ui::table(&["Request", "Device", "Role", "IP", "Age", "Flags"], rows));
    // Beside the table, since a narrow terminal breaks what is to be copied.
    page.extend(requests.iter().map(|request| {
        format!("{} asks for: {}", text(&request["requestId"]), names(&request["scopes"]))
    }));
    page
}

fn paired_table(devices: &[Value]) -> Page {
    let rows = devices
        .iter()
        .map(|device| {
            vec![
                short(device),
                names(&device["roles"]),
                names(&device["scopes"]),
                tokens(&device["tokens"]),
                text(&device["remoteIp"]),
            ]
        })
        .collect();
    ui::table(&["Device", "Roles", "Scopes", "Tokens", "IP"], rows)
}

fn tokens(tokens: &Value) -> String {
    let tokens = tokens.as_array().into_iter().flatten();
    let words = tokens.map(|token| {
        let role = text(&token["role"]);
        if token["revokedAtMs"].is_null() { role } else { format!("{role} (revoked)") }
    });
    words.collect::<Vec<_>>().join(", ")
}

fn short(device: &Value) -> String {
    let id = middle_cut(device["deviceId"].as_str().unwrap_or_default(), ID_CHARS);
    let named = ["label", "displayName", "clientId"].iter().find_map(|key| device[key].as_str());
    named.map_or_else(|| id.clone(), |name| format!("{name} {id}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Scopes without the part that all of them share.
fn names(list: &Value) -> String {
    let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| name.strip_prefix("operator.").unwrap_or(name)).collect::<Vec<_>>().join(", ")
}
