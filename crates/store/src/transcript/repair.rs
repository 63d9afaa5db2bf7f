//! Makes a transcript fit for appending: after a crash, and from versions before ours.
//!
//! Whatever is dropped or changed stays in a copy beside the file.

use std::{collections::HashSet, fs, path::Path};

use domain::{SessionId, UnixMillis, transcript::Header};
use serde_json::{Map, Value};

use super::line::{Line, Lines};
use crate::{StoreError, atomic, error::At};

/// Brings the file that holds `bytes` in order; `Some` is what it holds then.
pub(crate) fn repair(
    path: &Path,
    bytes: &[u8],
    id: &SessionId,
    cwd: &str,
    now: UnixMillis,
) -> Result<Option<Vec<u8>>, StoreError> {
    let lines = Lines::parse(bytes);
    let is_whole = lines.bad == 0 && lines.header.is_some() && !lines.is_old();
    if is_whole && !lines.unterminated {
        return Ok(None);
    }
    if is_whole {
        let mut terminated = bytes.to_vec();
        terminated.push(b'\n');
        append(path, b"\n")?;
        return Ok(Some(terminated));
    }
    if bytes.trim_ascii().is_empty() {
        truncate(path, 0)?;
        return Ok(Some(Vec::new()));
    }
    let kept = atomic::keep_copy(path, bytes, now)?;
    tracing::warn!(path = %path.display(), kept = %kept.display(), dropped = lines.bad,
        "transcript repaired");
    let torn_only = lines.torn_at.filter(|_| lines.header.is_some() && !lines.is_old());
    if let Some(end) = torn_only {
        truncate(path, end)?;
        return Ok(Some(bytes.get(..end).unwrap_or_default().to_vec()));
    }
    if lines.header.is_none() && lines.entries.is_empty() {
        truncate(path, 0)?;
        return Ok(Some(Vec::new()));
    }
    let text = rewritten(&lines, id, cwd, now);
    atomic::write(path, &text)?;
    Ok(Some(text))
}

/// The first line of a transcript that begins now, with its line break.
pub(crate) fn header_line(id: &SessionId, cwd: &str, now: UnixMillis) -> Vec<u8> {
    let header = Header {
        version: domain::transcript::VERSION,
        id: id.clone(),
        timestamp: now.to_iso(),
        cwd: cwd.to_owned(),
        parent_session: None,
    };
    let mut line = serde_json::to_vec(&header).unwrap_or_default();
    line.push(b'\n');
    line
}

/// The same lines with a header of our version, and each with an id and a parent.
fn rewritten(lines: &Lines<'_>, id: &SessionId, cwd: &str, now: UnixMillis) -> Vec<u8> {
    let mut text = Vec::new();
    match lines.header.map(serde_json::from_slice::<Map<String, Value>>) {
        Some(Ok(mut header)) if lines.is_old() => {
            header.insert("version".to_owned(), Value::from(domain::transcript::VERSION));
            text.extend(serde_json::to_vec(&header).unwrap_or_default());
            text.push(b'\n');
        }
        Some(Ok(_)) => {
            text.extend_from_slice(lines.header.unwrap_or_default());
            text.push(b'\n');
        }
        Some(Err(_)) | None => text.extend(header_line(id, cwd, now)),
    }
    let ids = ids_of(lines);
    for (at, line) in lines.entries.iter().enumerate() {
        if line.fields.id().is_some() && line.fields.has_parent_id() {
            text.extend_from_slice(line.raw);
        } else {
            text.extend(completed(line, at, &ids).unwrap_or_else(|| line.raw.to_vec()));
        }
        text.push(b'\n');
    }
    text
}

/// The id of each line, made up where it has none.
fn ids_of(lines: &Lines<'_>) -> Vec<String> {
    let taken: HashSet<&str> = lines.entries.iter().filter_map(|line| line.fields.id()).collect();
    let mut free = (0_u32..).map(|n| format!("{n:08x}")).filter(|id| !taken.contains(&**id));
    lines
        .entries
        .iter()
        .map(|line| match line.fields.id() {
            Some(id) => id.to_owned(),
            None => free.next().unwrap_or_default(),
        })
        .collect()
}

fn completed(line: &Line<'_>, at: usize, ids: &[String]) -> Option<Vec<u8>> {
    let mut fields: Map<String, Value> = serde_json::from_slice(line.raw).ok()?;
    fields.insert("id".to_owned(), Value::from(ids.get(at)?.as_str()));
    let parent = line.parent.and_then(|parent| ids.get(parent));
    fields.insert("parentId".to_owned(), parent.map_or(Value::Null, |id| Value::from(id.as_str())));
    // Version 1 counts lines, the header being the first.
    if let Some(index) = fields.get("firstKeptEntryIndex").and_then(Value::as_u64)
        && let Some(kept) =
            usize::try_from(index).ok().and_then(|index| ids.get(index.checked_sub(1)?))
    {
        fields.insert("firstKeptEntryId".to_owned(), Value::from(kept.as_str()));
        fields.shift_remove("firstKeptEntryIndex");
    }
    if let Some(role) = fields.get_mut("message").and_then(|message| message.get_mut("role"))
        && role == "hookMessage"
    {
        *role = Value::from("custom");
    }
    serde_json::to_vec(&fields).ok()
}

fn truncate(path: &Path, end: usize) -> Result<(), StoreError> {
    let file = fs::OpenOptions::new().write(true).open(path).at("open", path)?;
    file.set_len(end as u64).at("truncate", path)
}

fn append(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = fs::OpenOptions::new().append(true).open(path).at("open", path)?;
    std::io::Write::write_all(&mut file, bytes).at("write", path)
}
