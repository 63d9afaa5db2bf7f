//! A device that proved its key asks to come in: may it, at once, or must somebody be asked?

use domain::UnixMillis;
use policy::scope;
use store::{AboutDevice, PairedDevice, PendingDevice};

use super::{Book, Fate};

/// A device that proved its key asks to come in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// Its id.
    pub(crate) device: &'a str,
    /// Its public key, 32 bytes in base64url.
    pub(crate) public_key: &'a str,
    /// The role it asks for.
    pub(crate) role: &'a str,
    /// The scopes it asks for, defaults filled in.
    pub(crate) scopes: &'a [String],
    /// What it says of itself; roles and scopes in it are not read.
    pub(crate) about: &'a AboutDevice,
    /// Whether it is let in without asking anyone.
    pub(crate) is_silent: bool,
    /// Whether what it says of itself must be what it said before.
    pub(crate) pins_metadata: bool,
}

/// Why somebody has to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The device is not known, or has another key.
    NotPaired,
    /// It was not let in with this role.
    Role,
    /// It was not allowed these scopes.
    Scope,
    /// It says other things of itself than before.
    Metadata,
}

impl Reason {
    /// The reason on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NotPaired => "not-paired",
            Self::Role => "role-upgrade",
            Self::Scope => "scope-upgrade",
            Self::Metadata => "metadata-upgrade",
        }
    }

    /// The reason for a person.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::NotPaired => "device is not approved yet",
            Self::Role => "device asks for a role that was not approved",
            Self::Scope => "device asks for scopes that were not approved",
            Self::Metadata => "device says other things of itself than when it was approved",
        }
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It is let in. `approved` is the request that was approved on the way.
    Admitted {
        /// The request that was approved on the way.
        approved: Option<String>,
        /// Whether the book changed.
        is_changed: bool,
    },
    /// Somebody has to approve this request first.
    Waits {
        /// The request.
        request: Box<PendingDevice>,
        /// Why.
        reason: Reason,
        /// Whether it is a new one.
        is_new: bool,
        /// What the device was allowed before.
        known: Option<Box<PairedDevice>>,
    },
}

impl Book {
    /// Judges whether a device may come in. `fresh_id` names a request if one must be made.
    pub(crate) fn ask(&mut self, ask: &Ask<'_>, fresh_id: &str, now: UnixMillis) -> Outcome {
        let expired = self.expire(now);
        let known = self.paired(ask.device);
        let Some(reason) = lacking(known, ask) else {
            let is_changed = self.refresh(ask) || expired;
            return Outcome::Admitted { approved: None, is_changed };
        };
        let known = known.cloned().map(Box::new);
        let (request, is_new) = self.request(ask, known.is_some(), fresh_id, now);
        let id = request.request_id.clone();
        if ask.is_silent && self.approve(&id, None, now).is_ok() {
            self.refresh(ask);
            return Outcome::Admitted { approved: Some(id), is_changed: true };
        }
        Outcome::Waits { request: Box::new(request), reason, is_new, known }
    }

    /// The request of a device: what it asked before and what it asks now become one.
    fn request(
        &mut self,
        ask: &Ask<'_>,
        is_repair: bool,
        fresh_id: &str,
        now: UnixMillis,
    ) -> (PendingDevice, bool) {
        let before = self.pending_of(ask.device).filter(|it| it.public_key == ask.public_key);
        if let Some(before) = before
            && !ask.is_silent
            && asks_no_more(before, ask)
        {
            return (before.clone(), false);
        }
        // Whoever approves one of this machine's own approves what it asks now, no more.
        let (roles, scopes) = before
            .filter(|_| !ask.is_silent)
            .map(|it| (it.about.roles.clone(), it.about.scopes.clone()))
            .unwrap_or_default();
        let asked = Some(ask.scopes.to_vec());
        // An id stands for one content: whoever read the old request must not approve more.
        let stale = before.map(|it| it.request_id.clone());
        if let Some(stale) = stale {
            self.take_pending(&stale, Fate::Rejected);
        }
        let request = PendingDevice {
            request_id: fresh_id.to_owned(),
            device_id: ask.device.to_owned(),
            public_key: ask.public_key.to_owned(),
            about: AboutDevice {
                role: Some(ask.role.to_owned()),
                roles: super::united(roles, Some(vec![ask.role.to_owned()])),
                scopes: super::united(scopes, asked),
                ..ask.about.clone()
            },
            silent: ask.is_silent.then_some(true),
            is_repair: is_repair.then_some(true),
            ts: now,
            rest: serde_json::Map::new(),
        };
        self.put_pending(request.clone());
        (request, true)
    }
}

fn asks_no_more(before: &PendingDevice, ask: &Ask<'_>) -> bool {
    let about = &before.about;
    about.roles.iter().flatten().any(|role| role == ask.role)
        && scope::uncovered(about.scopes.as_deref().unwrap_or_default(), ask.scopes).is_empty()
}

/// What a device lacks to come in as it asks.
fn lacking(known: Option<&PairedDevice>, ask: &Ask<'_>) -> Option<Reason> {
    let Some(known) = known.filter(|it| it.public_key == ask.public_key) else {
        return Some(Reason::NotPaired);
    };
    let about = &known.about;
    let has_role = about.roles.iter().flatten().chain(&about.role).any(|role| role == ask.role);
    if !has_role {
        return Some(Reason::Role);
    }
    let approved = about.scopes.as_deref().unwrap_or_default();
    if !scope::uncovered(approved, ask.scopes).is_empty() {
        return Some(Reason::Scope);
    }
    let differs = |before: &Option<String>, now: &Option<String>| match (before, now) {
        (Some(before), Some(now)) => !before.trim().eq_ignore_ascii_case(now.trim()),
        (Some(_) | None, _) => false,
    };
    let is_other = differs(&about.platform, &ask.about.platform)
        || differs(&about.device_family, &ask.about.device_family);
    (ask.pins_metadata && is_other).then_some(Reason::Metadata)
}
