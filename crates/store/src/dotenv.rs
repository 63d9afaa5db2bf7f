//! The `.env` file of the state directory: sets one variable, and leaves the rest as it is.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{StoreError, atomic, bounded, error::At};

/// What it is called.
const FILE: &str = ".env";

/// Sets the variable `name` in the `.env` file of `state_dir`; yields the file.
///
/// The first line that sets it is replaced and others that do are dropped; everything else stays,
/// comments included. The file is for its owner only.
///
/// # Errors
///
/// [`StoreError`] with the path; the old file is then still whole.
pub fn put_variable(state_dir: &Path, name: &str, value: &str) -> Result<PathBuf, StoreError> {
    let path = state_dir.join(FILE);
    let bytes = bounded::read(&path, bounded::LIST_BYTES_MAX)?.unwrap_or_default();
    let text = String::from_utf8(bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        .at("read", &path)?;
    crate::make_private_dir(state_dir)?;
    atomic::write(&path, changed(&text, name, value).as_bytes())?;
    crate::protect(&path, 0o600)?;
    Ok(path)
}

fn changed(text: &str, name: &str, value: &str) -> String {
    let line = format!("{name}={}", quoted(value));
    let mut lines: Vec<&str> = Vec::new();
    let mut is_set = false;
    for present in text.lines() {
        if variable_of(present) != Some(name) {
            lines.push(present);
        } else if !is_set {
            lines.push(&line);
            is_set = true;
        }
    }
    if !is_set {
        lines.push(&line);
    }
    lines.join("\n") + "\n"
}

/// The variable that a line sets.
fn variable_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let name = line.split_once('=')?.0.trim();
    (!name.starts_with('#')).then_some(name)
}

/// The value as every reader of such files understands it.
fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./+=:@,".contains(&byte);
    if value.bytes().all(is_plain) {
        value.to_owned()
    } else if value.contains('\'') {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
        format!("\"{escaped}\"")
    } else {
        format!("'{value}'")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_variable_is_set_once_and_everything_else_stays() {
        let text = "# keys\nA=1\nexport KEY=old\n\nKEY = older\n#KEY=no\nKEYS=2";

        let set = changed(text, "KEY", "new");

        assert_eq!(set, "# keys\nA=1\nKEY=new\n\n#KEY=no\nKEYS=2\n");
        assert_eq!(changed("", "KEY", "sk-a.b_c"), "KEY=sk-a.b_c\n");
        assert_eq!(changed("", "KEY", "a b#$"), "KEY='a b#$'\n");
        assert_eq!(changed("", "KEY", "a'$b\""), "KEY=\"a'\\$b\\\"\"\n");
    }

    #[test]
    fn the_file_is_made_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");

        let path = put_variable(&state, "KEY", "1").unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "KEY=1\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
