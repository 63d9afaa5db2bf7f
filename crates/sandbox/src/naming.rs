//! Names: scope keys, slugs, container names, labels, the config hash. Pure.
//!
//! A name keeps its identity whatever its length: two scopes never share one because a long
//! text was cut.

use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::docker::settings::{Access, Container, Scope, Sharing};

/// Marks every container of ours.
pub const LABEL_SANDBOX: &str = "openclaw.sandbox";
/// Carries the scope key; a spare has none.
pub const LABEL_KEY: &str = "openclaw.sessionKey";
/// Carries the time of creation in milliseconds.
pub const LABEL_CREATED: &str = "openclaw.createdAtMs";
/// Carries the config hash; a spare has none.
pub const LABEL_HASH: &str = "openclaw.configHash";
/// Carries [`MOUNT_FORMAT`].
pub const LABEL_MOUNT_FORMAT: &str = "openclaw.mountFormatVersion";
/// Carries [`CREATE_EPOCH`].
pub const LABEL_EPOCH: &str = "openclaw.createArgsEpoch";
/// Carries the hash of the managed mounts alone. Ours.
pub const LABEL_MOUNTS: &str = "openclaw.mountsHash";
/// Says which state directory made the container, by its id. Ours.
pub const LABEL_OWNER: &str = "openclaw.owner";
/// Carries the hash of what a spare can become. Ours.
pub const LABEL_SPARE: &str = "openclaw.spare";

/// How mounts are written down.
pub const MOUNT_FORMAT: &str = "4";
/// Changes when we make containers in another way.
pub const CREATE_EPOCH: &str = "rust-1";

const NAME_CHARS_MAX: usize = 63;
const SLUG_TEXT_CHARS_MAX: usize = 32;
const WORKSPACE_DIGEST_CHARS: usize = 32;
const WORKSPACE_MARK: &str = ":workspace:";

/// Scope key of a runtime; `session` is the session's own key.
///
/// All but the shared one carry a digest of the agent's workspace, so that two gateways with
/// equal agent names never meet in one container.
pub fn scope_key(sharing: Sharing, agent: &str, session: &str, agent_workspace: &Path) -> String {
    let session = session.trim();
    let base = match sharing {
        Sharing::Shared => return "shared".to_owned(),
        Sharing::Agent => format!("agent:{agent}"),
        Sharing::Session if session.is_empty() => "main".to_owned(),
        Sharing::Session => session.to_owned(),
    };
    let digest = digest(agent_workspace.as_os_str().as_encoded_bytes());
    format!("{base}{WORKSPACE_MARK}{}", &digest[..WORKSPACE_DIGEST_CHARS])
}

/// The key without the digest that [`scope_key`] appends.
pub fn without_workspace(key: &str) -> &str {
    match key.rsplit_once(WORKSPACE_MARK) {
        Some((base, digest)) if is_workspace_digest(digest) => base,
        Some(_) | None => key,
    }
}

/// Directory name of a scope key below the workspace root, and part of its container's name.
pub fn slug(key: &str) -> String {
    let key = match key.trim() {
        "" => "session",
        key => key,
    };
    let digest = digest(key.as_bytes());
    if without_workspace(key).len() != key.len() {
        return format!("workspace-{}", &digest[..WORKSPACE_DIGEST_CHARS]);
    }
    let mut text = String::new();
    for c in key.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => text.push(c),
            _ if text.ends_with('-') => {}
            _ => text.push('-'),
        }
    }
    let text: String = text.trim_matches('-').chars().take(SLUG_TEXT_CHARS_MAX).collect();
    let text = if text.is_empty() { "session" } else { &text };
    format!("{text}-{}", &digest[..8])
}

/// Name of a scope's container; `owner` is the part of our id that is in names.
///
/// It is `<prefix><owner>-<slug>`, and however long the prefix is, the owner and what tells the
/// scope from others are whole.
pub fn container_name(prefix: &str, owner: &str, scope: &Scope) -> String {
    let slug = match scope.sharing {
        Sharing::Shared => "shared".to_owned(),
        Sharing::Agent | Sharing::Session => slug(&scope.key),
    };
    let slug = slug.strip_prefix("workspace-").unwrap_or(&slug);
    let full = format!("{prefix}{owner}-{slug}");
    if full.chars().count() <= NAME_CHARS_MAX {
        return full;
    }
    let tail = format!("{owner}-{}", &digest(full.as_bytes())[..WORKSPACE_DIGEST_CHARS]);
    let head: String = prefix.chars().take(NAME_CHARS_MAX - tail.len()).collect();
    format!("{head}{tail}")
}

/// A mount that we answer for, as the hash sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HashedMount {
    /// Directory on the engine's machine.
    pub source: String,
    /// Place in the container.
    pub target: String,
    /// Whether the container may write there.
    pub writable: bool,
}

/// What the config hash covers. `mode`, `prune` and tool policy are not in it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hashed<'a> {
    /// The resolved `docker` object, with the user that was derived.
    pub docker: &'a Container,
    /// The access.
    pub workspace_access: Access,
    /// The sandbox's own directory; `None` for what a spare can become.
    pub workspace_dir: Option<&'a Path>,
    /// The agent's workspace.
    pub agent_workspace_dir: &'a Path,
    /// The managed mounts, in order.
    pub mounts: &'a [HashedMount],
}

/// The config hash: 64 hex digits, the same for the same settings in whatever order of keys.
pub fn config_hash(hashed: &Hashed<'_>) -> String {
    hash(&(MOUNT_FORMAT, CREATE_EPOCH, hashed))
}

/// The hash of the mounts alone.
pub fn mounts_hash(mounts: &[HashedMount]) -> String {
    hash(&(MOUNT_FORMAT, mounts))
}

/// The command that makes a scope's sandbox anew.
pub fn recreate_command(scope: &Scope) -> String {
    match scope.sharing {
        Sharing::Session => format!("openclaw sandbox recreate --session {}", scope.key),
        Sharing::Agent => format!("openclaw sandbox recreate --agent {}", scope.agent),
        Sharing::Shared => "openclaw sandbox recreate --all".to_owned(),
    }
}

fn hash(value: &impl Serialize) -> String {
    // Our own plain data always serialises: its maps have text for keys.
    digest(&serde_json::to_vec(value).unwrap_or_default())
}

/// 64 hex digits of SHA-256.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn is_workspace_digest(text: &str) -> bool {
    text.len() == WORKSPACE_DIGEST_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn session(key: &str) -> Scope {
        Scope { sharing: Sharing::Session, key: key.to_owned(), agent: "main".to_owned() }
    }

    fn hash_of(docker: &Container) -> String {
        config_hash(&Hashed {
            docker,
            workspace_access: Access::None,
            workspace_dir: Some(Path::new("/s")),
            agent_workspace_dir: Path::new("/a"),
            mounts: &[],
        })
    }

    #[test]
    fn slugs_are_readable_and_carry_a_digest() {
        let of_main = format!("agent-main-main-{}", &digest(b"agent:main:main")[..8]);

        assert_eq!(slug(" agent:main:main "), of_main);
        assert_eq!(slug(""), format!("session-{}", &digest(b"session")[..8]));
        assert_eq!(slug("群聊"), format!("session-{}", &digest("群聊".as_bytes())[..8]));
        assert!(slug(&"x".repeat(200)).len() == 41);
    }

    #[test]
    fn a_key_with_a_workspace_keeps_the_whole_identity_in_its_slug() {
        let key = scope_key(Sharing::Agent, "main", "", Path::new("/w"));

        assert!(key.starts_with("agent:main:workspace:"));
        assert_eq!(without_workspace(&key), "agent:main");
        assert_eq!(slug(&key), format!("workspace-{}", &digest(key.as_bytes())[..32]));
        assert_eq!(scope_key(Sharing::Shared, "main", "x", Path::new("/w")), "shared");
        assert!(scope_key(Sharing::Session, "a", " ", Path::new("/w")).starts_with("main:"));
    }

    #[test]
    fn a_key_that_merely_looks_like_one_with_a_workspace_is_left_alone() {
        assert_eq!(without_workspace("agent:main:workspace:zz"), "agent:main:workspace:zz");
    }

    #[test]
    fn the_hash_sees_every_docker_key_and_the_order_of_binds() {
        let base = Container::default();
        let env = [("B", "2"), ("A", "1")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let mut turned = env.clone();
        turned.reverse();
        let with = |change: &dyn Fn(&mut Container)| {
            let mut docker = base.clone();
            change(&mut docker);
            hash_of(&docker)
        };
        let binds = |list: &[&str]| {
            let list: Vec<_> = list.iter().map(|it| (*it).to_owned()).collect();
            with(&|docker| docker.binds.clone_from(&list))
        };

        assert_eq!(hash_of(&base), hash_of(&base.clone()));
        assert_ne!(hash_of(&base), with(&|docker| docker.setup_command = Some("x".to_owned())));
        assert_ne!(hash_of(&base), with(&|docker| docker.image = "x".to_owned()));
        assert_ne!(binds(&["/a:/x", "/b:/y"]), binds(&["/b:/y", "/a:/x"]));
        assert_eq!(
            with(&|docker| docker.env = BTreeMap::from(env.clone())),
            with(&|docker| docker.env = BTreeMap::from(turned.clone())),
        );
    }

    #[test]
    fn the_hint_fits_the_sharing() {
        let shared = Scope { sharing: Sharing::Shared, ..session("shared") };
        let agent = Scope { sharing: Sharing::Agent, ..session("agent:main") };

        assert_eq!(recreate_command(&session("a:b")), "openclaw sandbox recreate --session a:b");
        assert_eq!(recreate_command(&agent), "openclaw sandbox recreate --agent main");
        assert_eq!(recreate_command(&shared), "openclaw sandbox recreate --all");
    }

    proptest! {
        #[test]
        fn names_fit_docker_and_differ_with_their_keys(
            prefix in "[a-z][a-z-]{0,70}",
            one in "\\PC{0,80}",
            two in "\\PC{0,80}",
        ) {
            let name = |key: &str| container_name(&prefix, "0123456789ab", &session(key));
            let (first, second) = (name(&one), name(&two));

            prop_assert!(first.len() <= NAME_CHARS_MAX);
            prop_assert!(first.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
            prop_assert!(first.contains("0123456789ab-"));
            prop_assert_ne!(&first, &container_name(&prefix, "0123456789ac", &session(&one)));
            let same = |key: &str| match key.trim() { "" => "session".to_owned(), it => it.to_owned() };
            prop_assert_eq!(first == second, same(&one) == same(&two));
        }

        #[test]
        fn slugs_hold_no_path(key in "\\PC{0,80}") {
            let slug = slug(&key);
            prop_assert!(!slug.contains('/') && slug != "." && slug != "..");
        }
    }
}
