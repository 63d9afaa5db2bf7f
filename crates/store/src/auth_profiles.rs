//! Credentials that the agent may use, from `auth-profiles.json`, and how they fared.

use std::collections::BTreeMap;

use domain::{Secret, UnixMillis};

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageStats {
    /// Last use.
    pub last_used: Option<UnixMillis>,
    /// Failures since the last success.
    pub error_count: u32,
    /// Not to be used before, after failures that pass.
    pub cooldown_until: Option<UnixMillis>,
    /// Not to be used before, after a failure that a person must mend.
    pub disabled_until: Option<UnixMillis>,
    /// Why it is disabled.
    pub disabled_reason: Option<String>,
    /// Failures by reason.
    pub failure_counts: BTreeMap<String, u32>,
    /// Last failure.
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
