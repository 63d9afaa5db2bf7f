//! Which commands of a node may be called: pure.

/// Commands of machines that a person works at.
const SYSTEM: &[&str] = &[
    "system.run",
    "system.which",
    "system.notify",
    "system.execApprovals.get",
    "system.execApprovals.set",
    "browser.proxy",
];

/// Commands of telephones.
const MOBILE: &[&str] = &["canvas.*", "camera.*", "screen.record", "location.get"];

/// Whether `command` may be called on a node of this platform. The config adds and removes.
pub(super) fn is_allowed(command: &str, platform: &str, nodes: &config::Nodes) -> bool {
    let listed = |list: &[String]| list.iter().any(|it| matches(it, command));
    if listed(&nodes.deny_commands) {
        return false;
    }
    listed(&nodes.allow_commands) || by_platform(platform, command)
}

fn by_platform(platform: &str, command: &str) -> bool {
    let among = |list: &[&str]| list.iter().any(|it| matches(it, command));
    let platform = platform.trim().to_lowercase();
    let starts = |names: &[&str]| names.iter().any(|name| platform.starts_with(name));
    if starts(&["ios", "ipados"]) {
        among(MOBILE)
    } else if starts(&["android"]) {
        among(MOBILE) || command == "sms.send"
    } else if starts(&["mac", "darwin"]) {
        among(MOBILE) || among(SYSTEM)
    } else if starts(&["linux", "win"]) {
        among(SYSTEM)
    } else {
        true
    }
}

fn matches(pattern: &str, command: &str) -> bool {
    match pattern.trim().strip_suffix('*') {
        Some(head) => command.starts_with(head),
        None => pattern.trim() == command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_allows_and_the_config_adds_and_removes() {
        let plain = config::Nodes::default();
        let cases = [
            ("system.run", "linux", true),
            ("system.run", "macOS 15.1", true),
            ("system.run", "iOS 19", false),
            ("camera.snap", "linux", false),
            ("camera.snap", "Android 16", true),
            ("sms.send", "android", true),
            ("sms.send", "ios", false),
            ("anything", "haiku", true),
        ];
        for (command, platform, expected) in cases {
            assert_eq!(is_allowed(command, platform, &plain), expected, "{command} {platform}");
        }
        let own = config::Nodes {
            allow_commands: vec!["camera.*".to_owned()],
            deny_commands: vec!["system.run".to_owned(), "camera.clip".to_owned()],
        };
        assert!(is_allowed("camera.snap", "linux", &own));
        assert!(!is_allowed("camera.clip", "linux", &own));
        assert!(!is_allowed("system.run", "linux", &own));
    }
}
