//! Credentials that the agent may use, from `auth-profiles.json`, and how they fared.
//!
//! Reading gives typed plain data; a write changes only the statistics in the file and keeps
//! everything else in it as it was. Which profile to use next is `models`' decision.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use domain::{Secret, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{StoreError, atomic, bounded, lock_file::LockDir};

const FILE: &str = "auth-profiles.json";
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const COOLDOWN_MINUTES: [i64; 4] = [1, 5, 25, 60];
const BILLING_HOURS: i64 = 5;
const BILLING_HOURS_MAX: i64 = 24;
/// Failures longer ago than this do not count.
const MEMORY_MS: u64 = 24 * 3_600_000;

/// All profiles of an agent.
#[derive(Clone, Debug, Default)]
pub struct AuthProfiles {
    /// Profile id, such as `anthropic:default`, to credential.
    pub profiles: BTreeMap<String, AuthProfile>,
    /// Provider to profile ids, best first.
    pub order: BTreeMap<String, Vec<String>>,
    /// Provider to the profile that worked last.
    pub last_good: BTreeMap<String, String>,
    /// Profile id to how it fared.
    pub usage_stats: BTreeMap<String, UsageStats>,
}

/// One credential.
#[derive(Clone, Debug)]
pub struct AuthProfile {
    /// The provider it is for.
    pub provider: String,
    /// The account's address, where known.
    pub email: Option<String>,
    /// The credential.
    pub credential: Credential,
}

/// What is shown to the provider.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An API key.
    ApiKey {
        /// The key.
        key: Secret,
    },
    /// A bearer token that nobody refreshes.
    Token {
        /// The token.
        token: Secret,
        /// When it ends; `None`: never.
        expires: Option<UnixMillis>,
    },
    /// A bearer token with a refresh token.
    OAuth {
        /// The token.
        access: Secret,
        /// What buys the next one.
        refresh: Secret,
        /// When it ends.
        expires: UnixMillis,
    },
}

/// How a profile fared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UsageStats {
    /// Last use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<UnixMillis>,
    /// Failures since the last success.
    pub error_count: u32,
    /// Not to be used before, after failures that pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown_until: Option<UnixMillis>,
    /// Not to be used before, after a failure that a person must mend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_until: Option<UnixMillis>,
    /// Why it is disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// Failures by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failure_counts: BTreeMap<String, u32>,
    /// Last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure_at: Option<UnixMillis>,
}

/// Why a profile failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No money.
    Billing,
    /// Too many requests.
    RateLimit,
    /// The key is not accepted.
    Auth,
    /// No answer in time.
    Timeout,
    /// The request is not accepted.
    Format,
}

impl Failure {
    /// Its name in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Billing => "billing",
            Self::RateLimit => "rate_limit",
            Self::Auth => "auth",
            Self::Timeout => "timeout",
            Self::Format => "format",
        }
    }
}

impl UsageStats {
    /// When the profile may be used again; `None`: now.
    pub fn blocked_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        self.cooldown_until.max(self.disabled_until).filter(|until| *until > now)
    }

    /// The statistics after one more failure.
    #[must_use]
    pub fn failed(mut self, failure: Failure, now: UnixMillis) -> Self {
        if self.last_failure_at.is_some_and(|last| now.since(last) > MEMORY_MS) {
            self.error_count = 0;
            self.failure_counts.clear();
        }
        self.error_count = self.error_count.saturating_add(1);
        let count = self.failure_counts.entry(failure.as_str().to_owned()).or_default();
        *count = count.saturating_add(1);
        let earlier = count.saturating_sub(1).min(8);
        if failure == Failure::Billing {
            let hours = (BILLING_HOURS << earlier).min(BILLING_HOURS_MAX);
            self.disabled_until = Some(UnixMillis(now.0 + hours * HOUR_MS));
            self.disabled_reason = Some(failure.as_str().to_owned());
        } else {
            let step = usize::try_from(self.error_count).unwrap_or(usize::MAX);
            let minutes = COOLDOWN_MINUTES.get(step - 1).copied().unwrap_or(COOLDOWN_MINUTES[3]);
            self.cooldown_until = Some(UnixMillis(now.0 + minutes * MINUTE_MS));
        }
        self.last_failure_at = Some(now);
        self
    }
}

/// Reads the profiles in `agent_dir`. Profiles that cannot be read are passed over.
pub(crate) fn read(agent_dir: &Path) -> Result<AuthProfiles, StoreError> {
    let file = read_file(&agent_dir.join(FILE))?;
    let profiles = section(&file, "profiles")
        .filter_map(|(id, value)| {
            let profile = profile_of(value);
            if profile.is_none() {
                tracing::warn!(%id, "auth profile is not usable");
            }
            Some((id.clone(), profile?))
        })
        .collect();
    let order = section(&file, "order")
        .filter_map(|(id, value)| Some((id.clone(), Vec::deserialize(value).ok()?)))
        .collect();
    let last_good = section(&file, "lastGood")
        .filter_map(|(id, value)| Some((id.clone(), value.as_str()?.to_owned())))
        .collect();
    let usage_stats = section(&file, "usageStats")
        .filter_map(|(id, value)| Some((id.clone(), UsageStats::deserialize(value).ok()?)))
        .collect();
    Ok(AuthProfiles { profiles, order, last_good, usage_stats })
}

/// Stores the credential `id` in `agent_dir`, beside a gateway that may run; yields the file.
///
/// How an older credential of that name fared is forgotten, and where an order of the
/// provider's credentials is kept, the new one goes to its front. All else stays.
///
/// # Errors
///
/// [`StoreError`] with the path; the old file is then still whole.
pub fn put(agent_dir: &Path, id: &str, profile: &AuthProfile) -> Result<PathBuf, StoreError> {
    let path = agent_dir.join(FILE);
    crate::private::make_parent(&path)?;
    let _lock = LockDir::take(&path)?;
    let mut file = read_file(&path)?;
    file.entry("version").or_insert_with(|| Value::from(1));
    if let Some(all) = object(&mut file, "profiles") {
        all.insert(id.to_owned(), text_of(profile));
    }
    if let Some(stats) = file.get_mut("usageStats").and_then(Value::as_object_mut) {
        stats.shift_remove(id);
    }
    let order =
        file.get_mut("order").and_then(|all| all.get_mut(&profile.provider)?.as_array_mut());
    if let Some(order) = order {
        order.retain(|it| it != id);
        order.insert(0, Value::from(id));
    }
    write_file(&path, &file)?;
    Ok(path)
}

/// Forgets the credential `id` in `agent_dir`, if it is there.
///
/// # Errors
///
/// [`StoreError`] with the path; the old file is then still whole.
pub fn drop_profile(agent_dir: &Path, id: &str) -> Result<(), StoreError> {
    let path = agent_dir.join(FILE);
    if !path.exists() {
        return Ok(());
    }
    let _lock = LockDir::take(&path)?;
    let mut file = read_file(&path)?;
    let profiles = file.get_mut("profiles").and_then(Value::as_object_mut);
    if profiles.and_then(|all| all.shift_remove(id)).is_none() {
        return Ok(());
    }
    write_file(&path, &file)
}

pub(crate) fn record_use(
    agent_dir: &Path,
    profile: &str,
    now: UnixMillis,
) -> Result<(), StoreError> {
    change(agent_dir, profile, |file, stats| {
        let provider = file
            .get("profiles")
            .and_then(|profiles| profiles.get(profile)?.get("provider")?.as_str())
            .map(ToOwned::to_owned);
        if let (Some(provider), Some(good)) = (provider, object(file, "lastGood")) {
            good.insert(provider, Value::from(profile));
        }
        UsageStats {
            last_used: Some(now.max(stats.last_used.unwrap_or_default())),
            ..UsageStats::default()
        }
    })
}

pub(crate) fn record_failure(
    agent_dir: &Path,
    profile: &str,
    failure: Failure,
    now: UnixMillis,
) -> Result<(), StoreError> {
    change(agent_dir, profile, |_, stats| stats.failed(failure, now))
}

/// Replaces the statistics of one profile, under the file's lock.
fn change(
    agent_dir: &Path,
    profile: &str,
    decide: impl FnOnce(&mut Map<String, Value>, UsageStats) -> UsageStats,
) -> Result<(), StoreError> {
    let path = agent_dir.join(FILE);
    crate::private::make_parent(&path)?;
    let _lock = LockDir::take(&path)?;
    let mut file = read_file(&path)?;
    file.entry("version").or_insert_with(|| Value::from(1));
    file.entry("profiles").or_insert_with(|| json!({}));
    let stats =
        file.get("usageStats").and_then(|all| UsageStats::deserialize(all.get(profile)?).ok());
    let stats = decide(&mut file, stats.unwrap_or_default());
    if let Some(all) = object(&mut file, "usageStats") {
        let mut text = serde_json::to_value(stats).unwrap_or_default();
        // Fields of other versions stay.
        if let (Some(old), Some(new)) =
            (all.get(profile).and_then(Value::as_object), text.as_object_mut())
        {
            for (name, value) in
                old.iter().filter(|(name, _)| !STATS_FIELDS.contains(&name.as_str()))
            {
                new.insert(name.clone(), value.clone());
            }
        }
        all.insert(profile.to_owned(), text);
    }
    write_file(&path, &file)
}

fn write_file(path: &Path, file: &Map<String, Value>) -> Result<(), StoreError> {
    let mut text = serde_json::to_vec_pretty(file)
        .map_err(|error| StoreError::io("write", path, error.into()))?;
    text.push(b'\n');
    atomic::write(path, &text)
}

const STATS_FIELDS: [&str; 7] = [
    "lastUsed",
    "errorCount",
    "cooldownUntil",
    "disabledUntil",
    "disabledReason",
    "failureCounts",
    "lastFailureAt",
];

fn read_file(path: &Path) -> Result<Map<String, Value>, StoreError> {
    match bounded::read(path, bounded::LIST_BYTES_MAX)? {
        // A damaged file is an error rather than empty: a write would lose the keys in it.
        Some(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| StoreError::io("understand", path, error.into())),
        None => Ok(Map::new()),
    }
}

fn section<'a>(
    file: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    file.get(name).and_then(Value::as_object).into_iter().flatten()
}

fn object<'a>(file: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    file.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

fn text_of(profile: &AuthProfile) -> Value {
    let mut text = match &profile.credential {
        Credential::ApiKey { key } => json!({"type": "api_key", "key": key.expose()}),
        Credential::Token { token, expires } => {
            let mut text = json!({"type": "token", "token": token.expose()});
            if let Some(expires) = expires {
                text["expires"] = Value::from(expires.0);
            }
            text
        }
        Credential::OAuth { access, refresh, expires } => json!({
            "type": "oauth",
            "access": access.expose(),
            "refresh": refresh.expose(),
            "expires": expires.0,
        }),
    };
    text["provider"] = Value::from(profile.provider.as_str());
    if let Some(email) = &profile.email {
        text["email"] = Value::from(email.as_str());
    }
    text
}

fn profile_of(value: &Value) -> Option<AuthProfile> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let secret = |name: &str| text(name).map(Secret::new);
    let expires = value.get("expires").and_then(Value::as_i64).filter(|at| *at > 0).map(UnixMillis);
    let credential = match text("type")? {
        "api_key" => Credential::ApiKey { key: secret("key")? },
        "token" => Credential::Token { token: secret("token")?, expires },
        "oauth" => Credential::OAuth {
            access: secret("access")?,
            refresh: secret("refresh")?,
            expires: expires.unwrap_or_default(),
        },
        _ => return None,
    };
    let provider = text("provider")?.to_owned();
    Some(AuthProfile { provider, email: text("email").map(ToOwned::to_owned), credential })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SAMPLE: &str = r#"{
      "version": 1,
      "profiles": {
        "a:default": {"type": "api_key", "provider": "a", "key": "k1", "note": "mine"},
        "a:manual": {"type": "token", "provider": "a", "token": "t1", "expires": 0},
        "b:me": {"type": "oauth", "provider": "b", "access": "x", "refresh": "y", "expires": 9, "email": "me@x"},
        "odd": {"type": "future"}
      },
      "order": {"a": ["a:manual"]},
      "lastGood": {"a": "a:manual"},
      "usageStats": {"a:default": {"lastUsed": 5, "errorCount": 2, "future": true}},
      "later": [1]
    }"#;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(FILE), SAMPLE).unwrap();
        home
    }

    #[test]
    fn all_kinds_of_credential_are_read_and_unknown_ones_passed_over() {
        let profiles = read(home().path()).unwrap();

        let names: Vec<_> = profiles.profiles.keys().map(String::as_str).collect();
        assert_eq!(names, ["a:default", "a:manual", "b:me"]);
        let Credential::ApiKey { key } = &profiles.profiles["a:default"].credential else {
            panic!("not a key")
        };
        assert_eq!(key.expose(), "k1");
        assert_eq!(profiles.order["a"], ["a:manual"]);
        assert!(!format!("{profiles:?}").contains("k1"));
        assert!(read(Path::new("/nonexistent")).unwrap().profiles.is_empty());
    }

    #[test]
    fn a_new_credential_takes_its_place_and_its_past_is_forgotten() {
        let home = home();
        let credential = Credential::ApiKey { key: Secret::new("k2") };
        let profile = AuthProfile { provider: "a".to_owned(), email: None, credential };

        let path = put(home.path(), "a:default", &profile).unwrap();

        let file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let expected = json!({"type": "api_key", "key": "k2", "provider": "a"});
        assert_eq!(file["profiles"]["a:default"], expected);
        assert_eq!(file["profiles"]["odd"], json!({"type": "future"}));
        assert_eq!(file["order"]["a"], json!(["a:default", "a:manual"]));
        assert_eq!(file["usageStats"], json!({}));
        assert_eq!(file["later"], json!([1]));
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn statistics_are_written_and_all_else_stays() {
        let home = home();

        record_failure(home.path(), "a:default", Failure::RateLimit, UnixMillis(1_000)).unwrap();
        record_use(home.path(), "a:manual", UnixMillis(2_000)).unwrap();
        record_use(home.path(), "b:me", UnixMillis(3_000)).unwrap();

        let text = fs::read_to_string(home.path().join(FILE)).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let before: Value = serde_json::from_str(SAMPLE).unwrap();
        assert_eq!(file["profiles"], before["profiles"]);
        assert_eq!(file["later"], before["later"]);
        assert_eq!(file["lastGood"], json!({"a": "a:manual", "b": "b:me"}));
        let expected = json!({"lastUsed": 5, "errorCount": 3, "cooldownUntil": 1_501_000,
            "failureCounts": {"rate_limit": 1}, "lastFailureAt": 1000, "future": true});
        assert_eq!(file["usageStats"]["a:default"], expected);
        assert!(!home.path().join("auth-profiles.json.lock").exists());
    }

    #[test]
    fn money_trouble_disables_for_longer_each_time_and_a_day_forgives() {
        let mut stats = UsageStats::default();
        let mut hours = Vec::new();
        for _ in 0..4 {
            stats = stats.failed(Failure::Billing, UnixMillis(0));
            hours.push(stats.disabled_until.unwrap().0 / HOUR_MS);
        }
        assert_eq!(hours, [5, 10, 20, 24]);

        let later = UnixMillis(25 * HOUR_MS);
        assert_eq!(stats.failed(Failure::Auth, later).error_count, 1);
    }
}
