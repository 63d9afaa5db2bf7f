//! The book of devices: who asked to be let in, who was, and which tokens they hold.
//!
//! ```text
//!  connect ─► ask ─┬─ known, and asks no more than before ─► admitted, with a token
//!                  ├─ silent (this machine, or vouched for) ─► approved ─► admitted
//!                  └─ else ─► pending ─ approve ─► paired     pending ─ reject, expiry ─► gone
//! ```
//!
//! Pure: time, ids and tokens come from the caller; [`crate::devices`] owns the book, keeps it on
//! disk and tells others. Which scope covers which is `policy`'s to say.

use std::collections::{BTreeMap, VecDeque};

use domain::UnixMillis;
use policy::scope;
use store::{AboutDevice, DeviceRecords, DeviceToken, PairedDevice, PendingDevice};
use subtle::ConstantTimeEq as _;

mod ask;

pub(crate) use ask::{Ask, Outcome, Reason};

/// How long a request waits for an answer.
pub(crate) const PENDING_MS: u64 = 5 * 60 * 1000;
/// Requests that may wait at once. One more pushes the oldest out: whoever still wants in asks
/// again.
pub(crate) const PENDING_MAX: usize = 256;

/// Answered requests that are remembered for those who wait for the answer.
const ANSWERED_MAX: usize = 256;

/// The book of devices.
#[derive(Debug, Default)]
pub(crate) struct Book {
    records: DeviceRecords,
    /// Requests that were answered lately, by id. At most 256; the oldest goes first.
    answered: VecDeque<Answered>,
}

#[derive(Debug)]
struct Answered {
    request_id: String,
    device_id: String,
    fate: Fate,
}

/// How a request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nobody answered yet.
    Waits,
    /// It is over.
    Answered(Fate),
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The device may do this.
    Approved {
        /// What was asked.
        scopes: Vec<String>,
    },
    /// It was turned down, or another one took its place.
    Rejected,
    /// Nobody answered in time.
    Expired,
}

/// Why a change of the book is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// No such request waits, or no more.
    #[error("unknown requestId")]
    UnknownRequest,
    /// No such device, or none with that role.
    #[error("unknown deviceId/role")]
    UnknownDevice,
    /// The one who asks for the change lacks this scope.
    #[error("missing scope: {0}")]
    Lacks(String),
    /// The device was never allowed this scope.
    #[error("scope was never approved for this device: {0}")]
    NotApproved(String),
}

impl Book {
    /// A book with these records.
    pub(crate) fn new(records: DeviceRecords) -> Self {
        Self { records, answered: VecDeque::new() }
    }

    /// All of it, for the disk.
    pub(crate) fn records(&self) -> DeviceRecords {
        self.records.clone()
    }

    /// A device that was let in.
    pub(crate) fn paired(&self, device: &str) -> Option<&PairedDevice> {
        self.records.paired.get(device)
    }

    /// Requests that wait, newest first; those that expired are gone.
    pub(crate) fn pending(&mut self, now: UnixMillis) -> Vec<PendingDevice> {
        self.expire(now);
        let mut list: Vec<PendingDevice> = self.records.pending.values().cloned().collect();
        list.sort_by_key(|request| std::cmp::Reverse(request.ts));
        list
    }

    /// Devices that were let in, the newest approval first.
    pub(crate) fn all_paired(&self) -> Vec<PairedDevice> {
        let mut list: Vec<PairedDevice> = self.records.paired.values().cloned().collect();
        list.sort_by_key(|device| std::cmp::Reverse(device.approved_at_ms));
        list
    }

    /// Drops requests that waited too long; says whether there were any.
    pub(crate) fn expire(&mut self, now: UnixMillis) -> bool {
        let is_old = |request: &PendingDevice| now.since(request.ts) > PENDING_MS;
        let old: Vec<String> =
            self.records.pending.values().filter(|it| is_old(it)).map(id_of).collect();
        for request in &old {
            self.take_pending(request, Fate::Expired);
        }
        !old.is_empty()
    }

    /// How a request of `device` stands; `None` when there never was one.
    pub(crate) fn progress(&self, request: &str, device: &str) -> Option<Progress> {
        if self.records.pending.get(request).is_some_and(|it| it.device_id == device) {
            return Some(Progress::Waits);
        }
        let is_it = |it: &&Answered| it.request_id == request && it.device_id == device;
        self.answered.iter().find(is_it).map(|it| Progress::Answered(it.fate.clone()))
    }

    /// Lets the device of a request in. `held` is what the approver may do: nobody gives away
    /// more than that.
    pub(crate) fn approve(
        &mut self,
        request: &str,
        held: Option<&[String]>,
        now: UnixMillis,
    ) -> Result<PairedDevice, Refused> {
        self.expire(now);
        let pending = self.records.pending.get(request).ok_or(Refused::UnknownRequest)?;
        if let Some(held) = held {
            let asked = pending.about.scopes.as_deref().unwrap_or_default();
            if let Some(lacking) = scope::uncovered(held, asked).into_iter().next() {
                return Err(Refused::Lacks(lacking));
            }
        }
        let fate = Fate::Approved { scopes: pending.about.scopes.clone().unwrap_or_default() };
        let pending = self.take_pending(request, fate).ok_or(Refused::UnknownRequest)?;
        let known = self
            .records
            .paired
            .remove(&pending.device_id)
            // Another key under the same id is another device.
            .filter(|known| known.public_key == pending.public_key);
        let paired = merge(known, pending, now);
        self.records.paired.insert(paired.device_id.clone(), paired.clone());
        Ok(paired)
    }

    /// Turns a request down.
    pub(crate) fn reject(
        &mut self,
        request: &str,
        now: UnixMillis,
    ) -> Result<PendingDevice, Refused> {
        self.expire(now);
        self.take_pending(request, Fate::Rejected).ok_or(Refused::UnknownRequest)
    }

    /// Forgets a device, its tokens and its requests.
    pub(crate) fn remove(&mut self, device: &str) -> Result<PairedDevice, Refused> {
        let removed = self.records.paired.remove(device).ok_or(Refused::UnknownDevice)?;
        while let Some(request) = self.pending_of(device).map(id_of) {
            self.take_pending(&request, Fate::Rejected);
        }
        Ok(removed)
    }

    /// Gives a device a name for people.
    pub(crate) fn rename(&mut self, device: &str, label: &str) -> Result<(), Refused> {
        let paired = self.records.paired.get_mut(device).ok_or(Refused::UnknownDevice)?;
        paired.rest.insert("label".to_owned(), label.into());
        Ok(())
    }

    /// The token of a device for a role, if `sent` is it.
    pub(crate) fn verify(&self, device: &str, role: &str, sent: &str) -> Option<&DeviceToken> {
        self.sent(device, role, sent).filter(|token| token.revoked_at_ms.is_none())
    }

    /// Whether `sent` was a device's token for a role until it was taken back.
    pub(crate) fn is_revoked(&self, device: &str, role: &str, sent: &str) -> bool {
        self.sent(device, role, sent).is_some_and(|token| token.revoked_at_ms.is_some())
    }

    fn sent(&self, device: &str, role: &str, sent: &str) -> Option<&DeviceToken> {
        let token = self.paired(device)?.tokens.get(role)?;
        bool::from(token.token.as_bytes().ct_eq(sent.as_bytes())).then_some(token)
    }

    /// Notes that somebody proved themselves by a token.
    pub(crate) fn used(&mut self, device: &str, role: &str, now: UnixMillis) {
        let paired = self.records.paired.get_mut(device);
        if let Some(token) = paired.and_then(|it| it.tokens.get_mut(role)) {
            token.last_used_at_ms = Some(now);
        }
    }

    /// The token of a paired device for a role: the one it has, when that covers `scopes`, else
    /// `fresh` in its place.
    pub(crate) fn ensure_token(
        &mut self,
        device: &str,
        (role, scopes): (&str, &[String]),
        fresh: &str,
        now: UnixMillis,
    ) -> Option<(DeviceToken, bool)> {
        let paired = self.records.paired.get_mut(device)?;
        let known = paired.tokens.get(role);
        if let Some(known) = known
            && known.revoked_at_ms.is_none()
            && scope::uncovered(&known.scopes, scopes).is_empty()
        {
            return Some((known.clone(), false));
        }
        let token = DeviceToken {
            token: fresh.to_owned(),
            role: role.to_owned(),
            scopes: sorted(scopes),
            created_at_ms: known.map_or(now, |it| it.created_at_ms),
            rotated_at_ms: known.map(|_| now),
            revoked_at_ms: None,
            last_used_at_ms: known.and_then(|it| it.last_used_at_ms),
        };
        paired.tokens.insert(role.to_owned(), token.clone());
        Some((token, true))
    }

    /// Puts `fresh` in the place of a token; `scopes` narrows it, within what was approved.
    pub(crate) fn rotate(
        &mut self,
        device: &str,
        (role, scopes): (&str, Option<&[String]>),
        (fresh, held): (&str, &[String]),
        now: UnixMillis,
    ) -> Result<DeviceToken, Refused> {
        let paired = self.records.paired.get_mut(device).ok_or(Refused::UnknownDevice)?;
        let known = paired.tokens.get(role).ok_or(Refused::UnknownDevice)?;
        let approved = paired.about.scopes.clone().unwrap_or_default();
        let scopes = sorted(scopes.unwrap_or(&known.scopes));
        if let Some(foreign) = scope::uncovered(&approved, &scopes).into_iter().next() {
            return Err(Refused::NotApproved(foreign));
        }
        if let Some(lacking) = scope::uncovered(held, &scopes).into_iter().next() {
            return Err(Refused::Lacks(lacking));
        }
        let token = DeviceToken {
            token: fresh.to_owned(),
            role: role.to_owned(),
            scopes,
            created_at_ms: known.created_at_ms,
            rotated_at_ms: Some(now),
            revoked_at_ms: None,
            last_used_at_ms: known.last_used_at_ms,
        };
        paired.tokens.insert(role.to_owned(), token.clone());
        Ok(token)
    }

    /// Takes a token back. It stays in the book as one that is no longer taken.
    pub(crate) fn revoke(
        &mut self,
        device: &str,
        role: &str,
        now: UnixMillis,
    ) -> Result<UnixMillis, Refused> {
        let paired = self.records.paired.get_mut(device).ok_or(Refused::UnknownDevice)?;
        let token = paired.tokens.get_mut(role).ok_or(Refused::UnknownDevice)?;
        Ok(*token.revoked_at_ms.get_or_insert(now))
    }

    fn pending_of(&self, device: &str) -> Option<&PendingDevice> {
        self.records.pending.values().find(|request| request.device_id == device)
    }

    fn take_pending(&mut self, request: &str, fate: Fate) -> Option<PendingDevice> {
        let taken = self.records.pending.remove(request)?;
        self.note_answer(request, &taken.device_id, fate);
        Some(taken)
    }

    /// Notes what became of a request, for those who wait for it.
    pub(crate) fn note_answer(&mut self, request: &str, device: &str, fate: Fate) {
        if self.answered.len() >= ANSWERED_MAX {
            self.answered.pop_front();
        }
        let (request_id, device_id) = (request.to_owned(), device.to_owned());
        self.answered.push_back(Answered { request_id, device_id, fate });
    }

    fn put_pending(&mut self, request: PendingDevice) {
        if self.records.pending.len() >= PENDING_MAX {
            let oldest = self.records.pending.values().min_by_key(|it| it.ts).map(id_of);
            if let Some(oldest) = oldest {
                self.take_pending(&oldest, Fate::Expired);
            }
        }
        self.records.pending.insert(request.request_id.clone(), request);
    }

    fn refresh(&mut self, ask: &Ask<'_>) -> bool {
        let Some(paired) = self.records.paired.get_mut(ask.device) else { return false };
        let before = paired.about.clone();
        let about = &mut paired.about;
        let fresh = ask.about;
        about.display_name = fresh.display_name.clone().or(about.display_name.take());
        about.platform = fresh.platform.clone().or(about.platform.take());
        about.device_family = fresh.device_family.clone().or(about.device_family.take());
        about.client_id.clone_from(&fresh.client_id);
        about.client_mode.clone_from(&fresh.client_mode);
        about.role = Some(ask.role.to_owned());
        about.remote_ip.clone_from(&fresh.remote_ip);
        *about != before
    }
}

/// What becomes of a device when a request of it is approved: roles and scopes add up.
fn merge(known: Option<PairedDevice>, pending: PendingDevice, now: UnixMillis) -> PairedDevice {
    let PendingDevice { device_id, public_key, about: asked, .. } = pending;
    let (before, tokens, created_at_ms, rest) = known.map_or_else(
        || (AboutDevice::default(), BTreeMap::new(), now, serde_json::Map::new()),
        |it| (it.about, it.tokens, it.created_at_ms, it.rest),
    );
    let about = AboutDevice {
        display_name: asked.display_name.or(before.display_name),
        platform: asked.platform.or(before.platform),
        device_family: asked.device_family.or(before.device_family),
        client_id: asked.client_id.or(before.client_id),
        client_mode: asked.client_mode.or(before.client_mode),
        role: asked.role.or(before.role),
        roles: united(before.roles, asked.roles),
        scopes: united(before.scopes, asked.scopes),
        remote_ip: asked.remote_ip,
    };
    PairedDevice { device_id, public_key, about, tokens, created_at_ms, approved_at_ms: now, rest }
}

fn united(before: Option<Vec<String>>, more: Option<Vec<String>>) -> Option<Vec<String>> {
    let mut all = before.unwrap_or_default();
    for name in more.unwrap_or_default() {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    Some(all).filter(|all| !all.is_empty())
}

fn id_of(request: &PendingDevice) -> String {
    request.request_id.clone()
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
