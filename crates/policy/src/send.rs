//! Does a conversation take messages? (`session.sendPolicy`, `spec: sessions` §7.1)

use config::{SendPolicy, SendRule};
use domain::{SessionKey, session_key::Kind};

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Conversation<'a> {
    /// Its key.
    pub session: &'a SessionKey,
    /// What it says itself: `allow` or `deny`.
    pub own: Option<&'a str>,
    /// Its chat service, where that is known.
    pub channel: Option<&'a str>,
    /// `direct`, `group` or `channel`, where that is known.
    pub chat_type: Option<&'a str>,
}

/// The rule by which it takes none, if there is one.
pub fn refused_by(policy: &SendPolicy, conversation: &Conversation<'_>) -> Option<&'static str> {
    match conversation.own {
        Some("allow") => return None,
        Some("deny") => return Some("sendPolicy"),
        Some(_) | None => {}
    }
    let matching = || policy.rules.iter().filter(|rule| matches(rule, conversation));
    if matching().any(|rule| rule.denies) {
        return Some("session.sendPolicy.rules");
    }
    let is_open = matching().next().is_some() || !policy.is_closed;
    (!is_open).then_some("session.sendPolicy.default")
}

fn matches(rule: &SendRule, conversation: &Conversation<'_>) -> bool {
    let is = |wanted: &Option<String>, found: Option<&str>| {
        wanted
            .as_deref()
            .is_none_or(|wanted| found.is_some_and(|found| found.eq_ignore_ascii_case(wanted)))
    };
    let key = conversation.session;
    let (channel, chat_type) = (conversation.channel, conversation.chat_type);
    is(&rule.channel, channel.or_else(|| channel_of(key)))
        && is(&rule.chat_type, chat_type.or_else(|| Some(chat_type_of(key))))
        && [&rule.key_prefix, &rule.raw_key_prefix]
            .into_iter()
            .flatten()
            .all(|prefix| key.as_str().starts_with(prefix.as_str()))
}

/// The chat service that a key of a group or a channel names.
fn channel_of(key: &SessionKey) -> Option<&str> {
    let (channel, _) = key.rest().split_once(':')?;
    (key.kind() == Kind::Group).then_some(channel)
}

fn chat_type_of(key: &SessionKey) -> &'static str {
    match key.kind() {
        Kind::Group if key.as_str().contains(":channel:") => "channel",
        Kind::Group => "group",
        Kind::Direct | Kind::Global | Kind::Unknown => "direct",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spawn::tests::config;

    fn refused(policy: &str, key: &str, own: Option<&str>) -> Option<&'static str> {
        let config = config(&format!("session: {{ sendPolicy: {policy} }}"));
        let session = SessionKey::stored(key);
        let conversation = Conversation { session: &session, own, channel: None, chat_type: None };
        refused_by(&config.session.send_policy, &conversation)
    }

    #[test]
    fn a_deny_wins_over_an_allow_and_the_session_over_both() {
        let policy = "{ default: 'deny', rules: [
            { action: 'allow', match: { keyPrefix: 'agent:main:' } },
            { action: 'deny', match: { channel: 'discord', chatType: 'group' } }] }";
        let group = "agent:main:discord:group:1";

        assert_eq!(refused(policy, "agent:main:main", None), None);
        assert_eq!(refused(policy, group, None), Some("session.sendPolicy.rules"));
        assert_eq!(refused(policy, group, Some("allow")), None);
        assert_eq!(refused(policy, "agent:main:main", Some("deny")), Some("sendPolicy"));
        assert_eq!(refused(policy, "agent:work:main", None), Some("session.sendPolicy.default"));
    }

    #[test]
    fn without_a_policy_every_conversation_takes_messages() {
        assert_eq!(refused("{}", "agent:main:main", None), None);
    }
}
