//! Whose a container is. Every removal and every adoption asks here first.
//!
//! A container of ours carries the id of our state directory in a label, which nobody can change
//! once it is made. Earlier versions, and the reference, knew no such id: theirs is ours only if
//! it also works in a directory of ours, as the engine itself says. A path or a name proves
//! nothing, for gateways in containers all see the same ones.

use std::path::{Path, PathBuf};

use store::{SandboxEntry, SandboxKind};

use super::{
    client::{Client, Found},
    engine::Engine,
    error::Error,
    mounts::Managed,
    own::{self, OwnMount},
    servant,
};
use crate::naming::{self, LABEL_CREATED, LABEL_HASH, LABEL_KEY, LABEL_OWNER, LABEL_SANDBOX};

/// Hex digits of an id in the names of containers.
const NAME_CHARS: usize = 12;

/// A state directory, as engines know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Random, and kept in the state directory: [`store::OwnerFile`].
    pub id: String,
    /// What earlier versions put into the label, see [`earlier_id`].
    pub earlier: Option<String>,
    /// Our state directory, which nobody else's sandboxes work in.
    pub ground: Option<PathBuf>,
}

/// What earlier versions put into the label: nothing that tells two gateways in containers apart.
pub fn earlier_id(state_dir: &Path) -> String {
    naming::digest(state_dir.as_os_str().as_encoded_bytes())[..16].to_owned()
}

/// Whose a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Ours,
    /// Ours, made by an earlier version: it is cleared away and not used.
    OursOfOld,
    /// Another's, and why we think so.
    Others(&'static str),
}

impl Owner {
    /// An owner without a past.
    pub fn new(id: String) -> Self {
        Self { id, earlier: None, ground: None }
    }

    /// The part of the id that is in names.
    pub(crate) fn in_names(&self) -> &str {
        self.id.get(..NAME_CHARS).unwrap_or(&self.id)
    }

    /// The filter that finds our containers.
    pub(crate) fn filter(&self) -> String {
        format!("{LABEL_OWNER}={}", self.id)
    }

    /// What the labels alone say; `None` when it takes a look at the mounts.
    fn by_label(&self, found: &Found) -> Option<Whose> {
        if found.label(LABEL_SANDBOX) != Some("1") {
            return Some(Whose::Others("it lacks our label"));
        }
        match found.label(LABEL_OWNER) {
            Some(owner) if owner == self.id => Some(Whose::Ours),
            Some(owner) if Some(owner) != self.earlier.as_deref() => {
                Some(Whose::Others("another gateway made it"))
            }
            Some(_) | None => None,
        }
    }
}

impl Engine {
    /// Whose a container is, by what the engine says of it now.
    pub(crate) async fn whose(&self, client: &Client, found: &Found) -> Whose {
        if let Some(whose) = self.options.owner.by_label(found) {
            return whose;
        }
        let ours = self.grounds(client).await;
        let is_ours = |mount: &OwnMount| {
            mount.is_bind && ours.iter().any(|ground| mount.source.starts_with(ground))
        };
        if found.mounts.iter().any(is_ours) {
            Whose::OursOfOld
        } else {
            Whose::Others("an earlier version made it, in a directory that is not ours")
        }
    }

    /// The container of that name or id, if it is there.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] when it is not ours, and what the engine says.
    pub(crate) async fn find_ours(
        &self,
        client: &Client,
        name: &str,
    ) -> Result<Option<Found>, Error> {
        let Some(found) = client.inspect(name).await? else { return Ok(None) };
        match self.whose(client, &found).await {
            Whose::Ours | Whose::OursOfOld => Ok(Some(found)),
            Whose::Others(why) => Err(Error::Foreign { name: name.to_owned(), why }),
        }
    }

    /// Removes the container of that name or id. One that is gone is no error.
    ///
    /// # Errors
    ///
    /// The same as [`Engine::find_ours`].
    pub(crate) async fn remove_ours(&self, client: &Client, name: &str) -> Result<(), Error> {
        match self.find_ours(client, name).await? {
            // By its id, since a name may be another one's by now.
            Some(found) => client.remove(&found.id).await,
            None => Ok(()),
        }
    }

    /// Our containers with this label, those of earlier versions among them: names and what is
    /// known of them.
    pub(crate) async fn all_ours(
        &self,
        client: &Client,
        label: &str,
    ) -> Result<Vec<(String, Found)>, Error> {
        let owner = &self.options.owner;
        let mut filters = vec![owner.filter()];
        filters.extend(owner.earlier.iter().map(|id| format!("{LABEL_OWNER}={id}")));
        let mut all = Vec::new();
        for filter in filters {
            for (name, id) in client.with_labels(&[filter, label.to_owned()]).await? {
                let Some(found) = client.inspect(&id).await? else { continue };
                if !matches!(self.whose(client, &found).await, Whose::Others(_)) {
                    all.push((name, found));
                }
            }
        }
        Ok(all)
    }

    /// Makes way for a new container of a scope: one that an earlier version made for it would
    /// work in the same directory.
    pub(crate) async fn retire(&self, client: &Client, key: &str) -> Result<(), Error> {
        let Some(earlier) = &self.options.owner.earlier else { return Ok(()) };
        let listed = self.listed().await?.into_iter().filter(|entry| entry.session_key == key);
        let mut names: Vec<_> = listed.map(|entry| entry.container_name).collect();
        let labels = [format!("{LABEL_OWNER}={earlier}"), format!("{LABEL_KEY}={key}")];
        names.extend(client.with_labels(&labels).await?.into_iter().map(|(name, _)| name));
        for name in names {
            let Some(found) = client.inspect(&name).await? else { continue };
            if self.whose(client, &found).await == Whose::OursOfOld {
                tracing::info!(container = %name, "made by an earlier version; another takes over");
                client.remove(&found.id).await?;
                self.forget(&name).await?;
            }
        }
        Ok(())
    }

    /// Puts the list right: containers of ours that are not on it come on, and entries of
    /// containers that are another's go off. A copied state directory brings such a list along.
    pub(crate) async fn reconcile(&self, client: &Client) -> Result<(), Error> {
        let listed = self.listed().await?;
        for entry in &listed {
            let Some(found) = client.inspect(&entry.container_name).await? else { continue };
            if let Whose::Others(why) = self.whose(client, &found).await {
                tracing::info!(container = entry.container_name, why, "taken off the list");
                self.forget(&entry.container_name).await?;
            }
        }
        for (name, found) in self.all_ours(client, LABEL_KEY).await? {
            let is_listed = listed.iter().any(|entry| entry.container_name == name);
            if is_listed || found.label(naming::LABEL_SPARE).is_some() {
                continue;
            }
            let (now, created) = (self.now_ms(), found.label(LABEL_CREATED));
            let entry = SandboxEntry {
                container_name: name,
                session_key: found.label(LABEL_KEY).unwrap_or_default().to_owned(),
                created_at_ms: created.and_then(|it| it.parse().ok()).unwrap_or(now),
                last_used_at_ms: now,
                image: found.image.clone(),
                config_hash: found.label(LABEL_HASH).map(str::to_owned),
                rest: serde_json::Map::new(),
            };
            let written = self.options.registry.upsert(SandboxKind::Container, entry).await;
            written.map_err(Error::Registry)?;
        }
        Ok(())
    }

    /// What our gateways began to fill servants' volumes through, and did not finish. It has no
    /// label of a sandbox, so only the id counts.
    pub(crate) async fn fillers(&self, client: &Client) -> Result<Vec<(String, Found)>, Error> {
        let labels = [self.options.owner.filter(), servant::LABEL.to_owned()];
        let mut fillers = Vec::new();
        for (name, id) in client.with_labels(&labels).await? {
            let found = client.inspect(&id).await?;
            let id = Some(self.options.owner.id.as_str());
            let found = found.filter(|it| it.label(LABEL_OWNER) == id);
            fillers.extend(found.map(|found| (name, found)));
        }
        Ok(fillers)
    }

    /// The list of containers on disk.
    pub(crate) async fn listed(&self) -> Result<Vec<SandboxEntry>, Error> {
        let listed = self.options.registry.entries(SandboxKind::Container).await;
        listed.map_err(Error::Registry)
    }

    /// Our state directory as the engine's machine names it.
    ///
    /// In a container we know only what its mounts say; the paths that we see there are another's
    /// on the engine's machine. Where those mounts are not to be found, nothing is ours.
    async fn grounds(&self, client: &Client) -> Vec<PathBuf> {
        let Some(ours) = &self.options.owner.ground else { return Vec::new() };
        let mut is_inside = own::has_signs().await;
        let mut translated = Vec::new();
        for id in own::candidates().await {
            let mounts = own::mounts_of(client, &id).await;
            is_inside |= !mounts.is_empty();
            let place = own::translate(&[Managed::plain(ours)], &mounts).ok();
            translated.extend(place.into_iter().flatten().next().map(|it| it.source));
        }
        if is_inside {
            return translated;
        }
        [Some(ours.clone()), ours.canonicalize().ok()].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(labels: &[(&str, &str)]) -> Found {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Found { labels: labels.collect(), ..Found::default() }
    }

    #[test]
    fn labels_tell_ours_from_others_and_leave_the_rest_to_the_mounts() {
        let mut owner = Owner::new("a".repeat(32));
        owner.earlier = Some("old".to_owned());
        let marked = (LABEL_SANDBOX, "1");
        let id = owner.id.clone();
        let cases = [
            (vec![marked, (LABEL_OWNER, id.as_str())], Some(Whose::Ours)),
            (vec![(LABEL_OWNER, id.as_str())], Some(Whose::Others("it lacks our label"))),
            (vec![marked, (LABEL_OWNER, "b")], Some(Whose::Others("another gateway made it"))),
            (vec![marked, (LABEL_OWNER, "")], Some(Whose::Others("another gateway made it"))),
            (vec![marked, (LABEL_OWNER, "old")], None),
            (vec![marked], None),
        ];

        for (labels, expected) in cases {
            assert_eq!(owner.by_label(&found(&labels)), expected, "{labels:?}");
        }
    }

    #[test]
    fn names_carry_the_beginning_of_the_id() {
        let owner = Owner::new("0123456789abcdef0123456789abcdef".to_owned());

        assert_eq!(owner.in_names(), "0123456789ab");
        assert_eq!(Owner::new("x".to_owned()).in_names(), "x");
    }
}
