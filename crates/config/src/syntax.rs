//! From bytes to a value, with limits: a hostile text is a problem, never a crash.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use serde_json::Value;

use crate::{problem::Problem, spans};

/// Most bytes of one file.
pub(crate) const BYTES_MAX: usize = 2 * 1024 * 1024;

/// Most brackets inside each other. `json5` recurses without a limit of its own.
pub(crate) const DEPTH_MAX: usize = 64;

/// Reads the text of `path`; `None` when there is no such file.
#[expect(clippy::disallowed_methods, reason = "config::load reads the config and its includes")]
pub(crate) fn read(path: &Path) -> Result<Option<String>, String> {
    let said = |error: std::io::Error| {
        if error.kind() == ErrorKind::PermissionDenied {
            return format!("cannot be read: {}", foreign(path, &error));
        }
        format!("cannot be read: {error}")
    };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(said(error)),
        Ok(meta) if !meta.is_file() => return Err("is not a regular file".to_owned()),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX) + 1;
    File::open(path).map_err(said)?.take(limit).read_to_end(&mut bytes).map_err(said)?;
    if bytes.len() > BYTES_MAX {
        return Err(format!("is larger than {BYTES_MAX} bytes"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            Err(format!("is not valid UTF-8 at byte {}", error.utf8_error().valid_up_to()))
        }
    }
}

/// Whose it is that we may not read, and what to do about it.
fn foreign(path: &Path, error: &std::io::Error) -> String {
    let ours = rustix::process::geteuid().as_raw();
    // The culprit is the nearest thing that can be seen: the file, or a directory above it.
    let seen = path.ancestors().find_map(|at| Some((at, std::fs::metadata(at).ok()?.uid())));
    match seen {
        Some((at, owner)) if owner != ours => {
            let at = at.display();
            format!(
                "`{at}` belongs to uid {owner} and we are uid {ours}; \
                 run `sudo chown -R {ours} '{at}'`, or start as uid {owner}"
            )
        }
        Some(_) | None => format!("{error}; run `chmod -R u+rwX '{}'`", path.display()),
    }
}

/// Reads JSON5.
pub(crate) fn parse(text: &str) -> Result<Value, Problem> {
    let at = |offset: usize, message: String| {
        let (line, column) = spans::position(text, offset);
        Problem { line: Some(line), column: Some(column), ..Problem::of_file(message) }
    };
    if text.len() > BYTES_MAX {
        return Err(Problem::of_file(format!("file is larger than {BYTES_MAX} bytes")));
    }
    if let Some(offset) = text.find('\0') {
        return Err(at(offset, "JSON5 parse failed: the text has a NUL byte".to_owned()));
    }
    if let Some(offset) = spans::too_deep(text, DEPTH_MAX) {
        let message = format!("JSON5 parse failed: nested deeper than {DEPTH_MAX} levels");
        return Err(at(offset, message));
    }
    json5::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).map_err(|error| {
        let from_one = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        let what = error.code().map_or_else(|| error.to_string(), |code| code.to_string());
        Problem {
            line: error.position().map(|position| from_one(position.line)),
            column: error.position().map(|position| from_one(position.column)),
            ..Problem::of_file(format!("JSON5 parse failed: {what}"))
        }
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests lay out real files")]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_brackets_are_a_problem() {
        let problem = parse(&"[".repeat(10_000)).unwrap_err();

        assert_eq!(problem.message, "JSON5 parse failed: nested deeper than 64 levels");
        assert_eq!((problem.line, problem.column), (Some(1), Some(65)));
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let problem = parse("{\n  a: 1\n  b: 2\n}").unwrap_err();

        assert!(problem.message.starts_with("JSON5 parse failed: "), "{problem}");
        assert_eq!((problem.line, problem.column), (Some(3), Some(3)));
    }

    #[test]
    fn nul_and_wrong_utf8_and_size_are_problems() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.json");

        std::fs::write(&file, b"{a: '\xff'}").unwrap();
        assert_eq!(read(&file), Err("is not valid UTF-8 at byte 5".to_owned()));
        std::fs::write(&file, vec![b' '; 10_000_000]).unwrap();
        assert_eq!(read(&file), Err("is larger than 2097152 bytes".to_owned()));
        assert_eq!(read(dir.path()), Err("is not a regular file".to_owned()));
        assert_eq!(read(&dir.path().join("none")), Ok(None));
        assert!(parse("{a: '\0'}").unwrap_err().message.ends_with("NUL byte"));
    }
}
