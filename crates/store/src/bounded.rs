//! Reads state files within limits: a hostile or broken file is a message, never a crash.
//!
//! Every file is opened without waiting (a pipe in its place does not block), must be a regular
//! file, and has a limit on its size. JSON may nest 128 levels, JSON5 64. A list that we can
//! rebuild is set aside when it breaks these limits or cannot be understood: it is renamed to
//! `<file>.bak-<pid>-<ms>` and counts as empty.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::{StoreError, atomic, error::At};

/// Most bytes of a list: devices, nodes, sandboxes, sub-agents, credentials, identities.
pub(crate) const LIST_BYTES_MAX: u64 = 16 << 20;

/// Most bytes of a session index.
pub(crate) const INDEX_BYTES_MAX: u64 = 64 << 20;

/// Most bytes of a transcript that is opened, searched, forked or cut.
pub(crate) const TRANSCRIPT_BYTES_MAX: u64 = 256 << 20;

/// Most bytes of one line of a transcript.
pub(crate) const LINE_BYTES_MAX: u64 = 64 << 20;

/// Most levels of JSON, which is what `serde_json` takes.
const JSON_DEPTH_MAX: usize = 127;

/// Most levels of JSON5. `serde_json` has its own limit of 128; `json5` has none.
const JSON5_DEPTH_MAX: usize = 64;

/// Opens `path` for reading; `None` when there is no such file.
///
/// # Errors
///
/// [`StoreError::NotAFile`], [`StoreError::TooLarge`], or what the system says.
pub(crate) fn open(path: &Path, bytes_max: u64) -> Result<Option<File>, StoreError> {
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = match fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).at("read", path),
    };
    let about = file.metadata().at("read", path)?;
    if !about.is_file() {
        return Err(StoreError::NotAFile { path: path.display().to_string() });
    }
    if about.len() > bytes_max {
        return Err(StoreError::TooLarge { path: path.display().to_string(), bytes_max });
    }
    Ok(Some(file))
}

/// Reads all of `file`, which may have grown since it was opened.
pub(crate) fn read_all(file: File, path: &Path, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).at("read", path)?;
    if bytes.len() as u64 > bytes_max {
        return Err(StoreError::TooLarge { path: path.display().to_string(), bytes_max });
    }
    Ok(bytes)
}

/// Reads `path`; `None` when there is no such file.
///
/// # Errors
///
/// The same as [`open`].
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, StoreError> {
    open(path, bytes_max)?.map(|file| read_all(file, path, bytes_max)).transpose()
}

/// Reads a list that we can rebuild. One that is absent is empty; one that breaks a limit or
/// cannot be understood is set aside and counts as empty.
///
/// # Errors
///
/// When the system does not let us read the file, or not set it aside.
pub(crate) fn list<T: Default + DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let reason = match read(path, LIST_BYTES_MAX) {
        Ok(None) => return Ok(T::default()),
        Ok(Some(bytes)) => match serde_json::from_slice(&bytes) {
            Ok(list) => return Ok(list),
            Err(error) => error.to_string(),
        },
        Err(error) if error.is_of_content() => error.to_string(),
        Err(error) => return Err(error),
    };
    let kept = set_aside(path)?;
    tracing::warn!(path = %path.display(), kept = %kept.display(), reason,
        "a state file cannot be used; it is kept aside and counts as empty");
    Ok(T::default())
}

/// Renames `path` to a free name beside it and gives that name.
pub(crate) fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(now.as_millis()).unwrap_or_default();
    let aside = atomic::free_copy(path, domain::UnixMillis(millis));
    fs::rename(path, &aside).at("set aside", path)?;
    Ok(aside)
}

/// Reads JSON, or else JSON5 that nests at most [`JSON5_DEPTH_MAX`] levels.
pub(crate) fn json5(bytes: &[u8]) -> Option<Value> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Some(value);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    json5::from_str::<Shallow>(text).ok().map(|shallow| shallow.0)
}

/// Whether valid JSON nests deeper than its readers take.
pub(crate) fn nests_too_deeply(json: &str) -> bool {
    let is_opening = |byte: &u8| matches!(byte, b'[' | b'{');
    if json.bytes().filter(is_opening).count() <= JSON_DEPTH_MAX {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return true;
        }
    }
    false
}

/// A value that was refused if it nests too deeply, before the parser went deeper.
struct Shallow(Value);

impl<'de> serde::Deserialize<'de> for Shallow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Levels(JSON5_DEPTH_MAX).deserialize(deserializer).map(Self)
    }
}

/// Reads a value that may have this many levels.
#[derive(Clone, Copy)]
struct Levels(usize);

impl Levels {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Levels {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Levels {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(below)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            fields.insert(name, map.next_value_seed(below)?);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn aside(dir: &Path) -> usize {
        let names = fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name());
        names.filter(|it| it.to_string_lossy().contains(".bak-")).count()
    }

    #[test]
    fn json5_is_read_and_no_nesting_harms_us() {
        assert_eq!(json5(b"{a: [1, 'x', null, .5],}").unwrap()["a"][1], "x");
        for (open, close) in [("{a:", "}"), ("[", "]"), ("{a:[", "]}"), ("[/* ] */", "]")] {
            let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
            assert_eq!(json5(deep.as_bytes()), None);
            assert_eq!(json5(open.repeat(100_000).as_bytes()), None);
        }
        let fits = format!("{}1,{}", "[".repeat(64), "]".repeat(64));
        assert!(json5(fits.as_bytes()).is_some());
    }

    #[test]
    fn a_list_that_cannot_be_used_is_set_aside_and_counts_as_empty() {
        type List = BTreeMap<String, u8>;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.json");
        let make: [&dyn Fn(); 4] = [
            &|| fs::write(&path, "{ half").unwrap(),
            &|| fs::write(&path, format!("{{\"a\":{}", "[".repeat(100_000))).unwrap(),
            &|| File::create(&path).unwrap().set_len(LIST_BYTES_MAX + 1).unwrap(),
            &|| fs::create_dir(&path).unwrap(),
        ];

        for (count, make) in make.iter().enumerate() {
            make();
            assert_eq!(list::<List>(&path).unwrap(), List::new());
            assert!(!path.exists());
            assert_eq!(aside(dir.path()), count + 1);
        }
        fs::write(&path, r#"{"a":1}"#).unwrap();
        assert_eq!(list::<List>(&path).unwrap()["a"], 1);
    }

    #[test]
    fn brackets_in_texts_do_not_nest() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));

        assert!(!nests_too_deeply(&nested(127)));
        assert!(nests_too_deeply(&nested(128)));
        assert!(nests_too_deeply(&format!(r#"["]]]]\"]]]]",{}]"#, nested(127))));
        assert!(!nests_too_deeply(&format!("[\"{}\"]", "[".repeat(1_000))));
        assert!(!nests_too_deeply(&"[],".repeat(1_000)));
    }

    #[test]
    fn a_pipe_in_the_place_of_a_file_is_no_file_and_blocks_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();

        assert!(matches!(read(&path, 10), Err(StoreError::NotAFile { .. })));
    }
}
