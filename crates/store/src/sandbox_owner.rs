//! Who a state directory is to container engines: `sandbox/owner.json`.
//!
//! Holds a random id, which containers carry in their labels and names, and what the file system
//! knows the file itself by: inode and birth. A copied file says what the original is known by,
//! so the copy is noticed and gets an id of its own. What the id is compared with is `sandbox`'s
//! to know. The number of the device is left out, for it may be another after each start of the
//! machine.
//!
//! A directory that is moved to another disk, or restored from a backup, counts as a copy: an id
//! too many costs containers that have to be cleared away, one too few costs those of somebody
//! else. Nothing tells a block-wise copy of a whole disk from the original.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use domain::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::{StoreError, atomic, bounded, error::At, sandbox_registry};

/// Bytes of an id.
const ID_BYTES: usize = 16;

/// Who a state directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxOwner {
    /// 32 hex digits.
    pub id: String,
    /// What it was before it was copied, if it was.
    pub copied: Option<CopiedFrom>,
}

/// The state directory that this one is a copy of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CopiedFrom {
    /// Its id.
    pub id: String,
    /// When the copy was noticed.
    pub noticed_at_ms: UnixMillis,
}

/// The file on disk.
#[derive(Clone, Debug)]
pub struct OwnerFile {
    state_dir: PathBuf,
}

/// Tells a file from its copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    inode: u64,
    /// Where the file system knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    born_ns: Option<u64>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    version: u32,
    id: String,
    place: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    copied_from: Option<CopiedFrom>,
}

impl OwnerFile {
    /// The file of this state directory. Touches nothing yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { state_dir: state_dir.to_owned() }
    }

    /// Who the directory is, or would be: an id that is missing, or was copied, is made up and
    /// not kept. Blocks.
    ///
    /// # Errors
    ///
    /// What the system says; the directory need not be there.
    pub fn look(&self, now: UnixMillis) -> Result<SandboxOwner, StoreError> {
        match self.found()? {
            Found::Ours(owner) => Ok(owner),
            Found::Copied(id) => SandboxOwner::copy_of(id, now),
            Found::Absent => SandboxOwner::fresh(),
        }
    }

    /// Who the directory is. Gives it an id, and keeps that, if it has none or was copied. Blocks.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn claim(&self, now: UnixMillis) -> Result<SandboxOwner, StoreError> {
        let path = self.path();
        let _lock = sandbox_registry::lock(&path)?;
        let owner = match self.found()? {
            Found::Ours(owner) => return Ok(owner),
            Found::Copied(id) => SandboxOwner::copy_of(id, now)?,
            Found::Absent => SandboxOwner::fresh()?,
        };
        atomic::write_by(&path, |empty| {
            let place = Some(Place::of(&empty.metadata()?));
            let (id, copied_from) = (owner.id.clone(), owner.copied.clone());
            let mut bytes =
                serde_json::to_vec_pretty(&File { version: 1, id, place, copied_from })?;
            bytes.push(b'\n');
            Ok(bytes)
        })?;
        if let Some(copied) = &owner.copied {
            tracing::warn!(
                id = owner.id, copied_from = copied.id, state_dir = %self.state_dir.display(),
                "this state directory is a copy: its sandboxes are made anew under an id of its \
                 own, and those of the original are left alone"
            );
        }
        Ok(owner)
    }

    /// What the file says, held against what it is known by now.
    fn found(&self) -> Result<Found, StoreError> {
        let path = self.path();
        let file: File = bounded::list(&path)?;
        if !is_id(&file.id) {
            return Ok(Found::Absent);
        }
        let here = Place::of(&fs::metadata(&path).at("look at", &path)?);
        if file.place.is_some_and(|then| then.is_same(here)) {
            return Ok(Found::Ours(SandboxOwner { id: file.id, copied: file.copied_from }));
        }
        Ok(Found::Copied(file.id))
    }

    fn path(&self) -> PathBuf {
        self.state_dir.join("sandbox/owner.json")
    }
}

/// What there is of an id.
enum Found {
    Absent,
    Ours(SandboxOwner),
    /// The id of the original.
    Copied(String),
}

impl SandboxOwner {
    fn fresh() -> Result<Self, StoreError> {
        Ok(Self { id: new_id()?, copied: None })
    }

    fn copy_of(id: String, now: UnixMillis) -> Result<Self, StoreError> {
        Ok(Self { id: new_id()?, copied: Some(CopiedFrom { id, noticed_at_ms: now }) })
    }
}

impl Place {
    fn of(about: &fs::Metadata) -> Self {
        let born = about.created().ok();
        let born = born.and_then(|it| it.duration_since(SystemTime::UNIX_EPOCH).ok());
        let born_ns = born.and_then(|it| u64::try_from(it.as_nanos()).ok());
        Self { inode: about.ino(), born_ns }
    }

    fn is_same(self, other: Self) -> bool {
        let is_born_with = match (self.born_ns, other.born_ns) {
            (Some(one), Some(two)) => one == two,
            // Another kernel, or another mount, may not tell.
            (None, _) | (_, None) => true,
        };
        self.inode == other.inode && is_born_with
    }
}

fn new_id() -> Result<String, StoreError> {
    let mut bytes = [0; ID_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Closed)?;
    Ok(hex::encode(bytes))
}

fn is_id(text: &str) -> bool {
    text.len() == 2 * ID_BYTES && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const NOW: UnixMillis = UnixMillis(7);

    fn copy(from: &Path, to: &Path) {
        let copied = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
        assert!(copied.success());
    }

    fn home() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        fs::create_dir(&state).unwrap();
        (home, state)
    }

    #[test]
    fn an_id_is_given_once_and_to_every_directory_another() {
        let (home, state) = home();
        let other = home.path().join("other");
        fs::create_dir(&other).unwrap();

        let first = OwnerFile::new(&state).claim(NOW).unwrap();

        assert!(is_id(&first.id) && first.copied.is_none());
        assert_eq!(OwnerFile::new(&state).claim(UnixMillis(9)).unwrap(), first);
        assert_eq!(OwnerFile::new(&state).look(UnixMillis(9)).unwrap(), first);
        assert_ne!(OwnerFile::new(&other).claim(NOW).unwrap().id, first.id);
    }

    #[test]
    fn a_copy_gets_an_id_of_its_own_and_the_original_keeps_its() {
        let (home, state) = home();
        let theirs = home.path().join("copy");
        let first = OwnerFile::new(&state).claim(NOW).unwrap();
        copy(&state, &theirs);

        let seen = OwnerFile::new(&theirs).look(UnixMillis(8)).unwrap();
        let second = OwnerFile::new(&theirs).claim(UnixMillis(8)).unwrap();

        let copied = Some(CopiedFrom { id: first.id.clone(), noticed_at_ms: UnixMillis(8) });
        assert_ne!(second.id, first.id);
        assert_eq!((&second.copied, &seen.copied), (&copied, &copied));
        assert_eq!(OwnerFile::new(&theirs).claim(UnixMillis(9)).unwrap(), second);
        assert_eq!(OwnerFile::new(&state).claim(UnixMillis(9)).unwrap(), first);
    }

    #[test]
    fn a_copy_in_the_place_of_the_original_is_still_a_copy() {
        let (home, state) = home();
        let first = OwnerFile::new(&state).claim(NOW).unwrap();
        copy(&state, &home.path().join("aside"));
        fs::remove_dir_all(&state).unwrap();
        copy(&home.path().join("aside"), &state);

        assert_ne!(OwnerFile::new(&state).claim(NOW).unwrap().id, first.id);
    }

    #[test]
    fn a_directory_that_is_renamed_is_the_same() {
        let (home, state) = home();
        let first = OwnerFile::new(&state).claim(NOW).unwrap();
        let moved = home.path().join("moved");
        fs::rename(&state, &moved).unwrap();

        assert_eq!(OwnerFile::new(&moved).claim(NOW).unwrap(), first);
    }

    #[test]
    fn looking_writes_nothing_and_needs_no_directory() {
        let (home, state) = home();

        let absent = OwnerFile::new(&home.path().join("none")).look(NOW).unwrap();
        let fresh = OwnerFile::new(&state).look(NOW).unwrap();

        assert!(is_id(&absent.id) && is_id(&fresh.id) && absent != fresh);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
        assert!(!home.path().join("none").exists());
    }

    #[test]
    fn what_is_no_id_is_set_aside_or_replaced() {
        let (_home, state) = home();
        fs::create_dir(state.join("sandbox")).unwrap();
        for text in ["{", "[]", r#"{"version":1,"id":"../../x","place":null}"#] {
            fs::write(state.join("sandbox/owner.json"), text).unwrap();

            let owner = OwnerFile::new(&state).claim(NOW).unwrap();

            assert!(is_id(&owner.id) && owner.copied.is_none(), "{text}");
            assert_eq!(OwnerFile::new(&state).claim(NOW).unwrap(), owner);
        }
    }

    #[test]
    fn a_restored_file_is_a_copy_even_under_its_old_name() {
        let (home, state) = home();
        let first = OwnerFile::new(&state).claim(NOW).unwrap();
        let (file, aside) = (state.join("sandbox/owner.json"), home.path().join("aside.json"));
        copy(&file, &aside);
        fs::remove_file(&file).unwrap();
        // Takes the inode that came free, should the file system give it again.
        fs::write(&file, fs::read(&aside).unwrap()).unwrap();

        let second = OwnerFile::new(&state).claim(NOW).unwrap();

        assert_eq!(second.copied.map(|it| it.id), Some(first.id));
    }

    #[test]
    fn claims_at_once_agree() {
        let (_home, state) = home();
        let claim = || OwnerFile::new(&state).claim(NOW).unwrap().id;

        let ids: Vec<_> = std::thread::scope(|scope| {
            let claims: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
            claims.into_iter().map(|it| it.join().unwrap()).collect()
        });

        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}
