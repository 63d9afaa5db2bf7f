//! Which conversations may the session tools of a session see?
//!
//! Which agents' conversations there are to see at all is decided before; this adds the rule of
//! sandboxed sessions: those that they spawned, unless `sessionToolsVisibility` says all.

use config::{Agent, Config, SessionTools};
use domain::SessionKey;

use crate::explain::Boxed;

/// Says whether `viewer`, a session of `agent`, sees `other`, which `spawned_by` spawned.
pub fn may_see(
    config: &Config,
    agent: &Agent,
    viewer: &SessionKey,
    other: &SessionKey,
    spawned_by: Option<&str>,
) -> bool {
    let is_open = agent.sandbox_settings.session_tools == SessionTools::All
        || viewer.is_subagent()
        || Boxed::of(config, agent, viewer).is_none();
    is_open || viewer == other || spawned_by == Some(viewer.as_str())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn sees(visibility: &str, viewer: &str, other: &str, spawned_by: Option<&str>) -> bool {
        let env = config::Env::of([].into(), Path::new("/home/me"), Path::new("/"));
        let locations = config::Locations::find(&env, None, false).unwrap();
        let text = format!(
            "{{ agents: {{ defaults: {{ sandbox: {{ mode: 'non-main',
                 sessionToolsVisibility: '{visibility}' }} }} }} }}"
        );
        let config = config::load_text(&text, &locations, &env).config.unwrap();
        let (viewer, other) = (SessionKey::stored(viewer), SessionKey::stored(other));
        may_see(&config, &config.agents.list[0], &viewer, &other, spawned_by)
    }

    #[test]
    fn a_sandboxed_session_sees_itself_and_what_it_spawned() {
        let (main, group) = ("agent:main:main", "agent:main:telegram:group:1");
        let child = "agent:main:subagent:x";

        assert!(sees("spawned", group, group, None));
        assert!(sees("spawned", group, child, Some(group)));
        assert!(!sees("spawned", group, child, Some(main)));
        assert!(!sees("spawned", group, main, None));
        assert!(sees("all", group, main, None));
        assert!(sees("spawned", main, group, None), "the main session has no sandbox here");
        assert!(sees("spawned", child, main, None), "sub-agents have a layer of their own");
    }
}
