//! `sandbox`: how the defaults and an agent's own values become one.

use config::{
    Config, SandboxBackend, SandboxMode, SessionTools, Sharing, Source, Ulimit, WorkspaceAccess,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::home::Home;

fn config_of(home: &Home) -> Config {
    let loaded = home.load();
    assert_eq!(loaded.snapshot.problems, []);
    (*loaded.config.unwrap()).clone()
}

/// The settings of an agent whose own `sandbox` is `own`.
fn merged(defaults: &Value, own: &Value) -> (config::Sandbox, Home) {
    let agents =
        json!({ "defaults": { "sandbox": defaults }, "list": [{ "id": "a", "sandbox": own }] });
    let home = Home::new().config(json!({ "agents": agents }).to_string());
    (config_of(&home).agents.list[0].sandbox_settings.clone(), home)
}

#[test]
fn nothing_written_gives_the_defaults_of_the_guide() {
    let (sandbox, home) = merged(&json!({}), &json!({}));

    assert_eq!(sandbox.backend, SandboxBackend::Docker);
    assert_eq!(sandbox.sharing, Sharing::Agent);
    assert_eq!(sandbox.workspace_access, WorkspaceAccess::None);
    assert_eq!(sandbox.workspace_root, home.path("sandboxes"));
    assert_eq!(sandbox.session_tools, SessionTools::Spawned);
    let docker = sandbox.docker;
    assert_eq!(docker.image, "openclaw-sandbox:bookworm-slim");
    assert_eq!(
        (docker.container_prefix.as_str(), docker.workdir.as_str()),
        ("openclaw-sbx-", "/workspace")
    );
    assert!(docker.read_only_root);
    assert_eq!(docker.tmpfs, ["/tmp", "/var/tmp", "/run"]);
    assert_eq!((docker.network.as_str(), docker.user), ("none", None));
    assert_eq!(docker.cap_drop, ["ALL"]);
    assert_eq!(docker.env.into_iter().collect::<Vec<_>>(), [("LANG".into(), "C.UTF-8".into())]);
    assert_eq!((docker.pids_limit, docker.memory_bytes, docker.nano_cpus), (None, None, None));
    assert_eq!((docker.spares, docker.runtime), (1, None));
    assert_eq!((sandbox.prune.idle_hours, sandbox.prune.age_days), (24, 7));
    assert_eq!(sandbox.browser.cdp_port, 9222);
}

#[test]
fn the_full_example_of_the_guide_is_read_to_the_last_key() {
    let home = Home::new().config(
        r#"{ agents: { defaults: { sandbox: {
            mode: "non-main", scope: "agent", workspaceAccess: "none",
            workspaceRoot: "~/.openclaw/sandboxes",
            docker: {
              image: "openclaw-sandbox:bookworm-slim", workdir: "/workspace", readOnlyRoot: true,
              tmpfs: ["/tmp", "/var/tmp", "/run"], network: "none", user: "1000:1000",
              capDrop: ["ALL"], env: { LANG: "C.UTF-8" },
              setupCommand: "apt-get update && apt-get install -y git curl",
              pidsLimit: 256, memory: "1g", memorySwap: "2g", cpus: 1,
              ulimits: { nofile: { soft: 1024, hard: 2048 }, nproc: 256 },
              seccompProfile: "/p/seccomp.json", apparmorProfile: "openclaw-sandbox",
              dns: ["1.1.1.1"], extraHosts: ["internal.service:10.0.0.5"],
            },
            prune: { idleHours: 24, maxAgeDays: 7 } } } } }"#,
    );

    let agent = config_of(&home).agents.list[0].clone();

    let docker = agent.sandbox_settings.docker;
    assert_eq!(agent.sandbox, SandboxMode::NonMain);
    assert_eq!(agent.sandbox_settings.workspace_root, home.path("sandboxes"));
    assert_eq!(docker.user.as_deref(), Some("1000:1000"));
    assert!(docker.setup_command.unwrap().starts_with("apt-get update"));
    assert_eq!((docker.pids_limit, docker.memory_bytes), (Some(256), Some(1 << 30)));
    assert_eq!((docker.memory_swap_bytes, docker.nano_cpus), (Some(2 << 30), Some(1_000_000_000)));
    assert_eq!(docker.ulimits["nofile"], Ulimit { soft: 1024, hard: 2048 });
    assert_eq!(docker.ulimits["nproc"], Ulimit { soft: 256, hard: 256 });
    assert_eq!(docker.seccomp_profile.as_deref(), Some("/p/seccomp.json"));
    assert_eq!(docker.apparmor_profile.as_deref(), Some("openclaw-sandbox"));
    assert_eq!((docker.dns, docker.extra_hosts.len()), (vec!["1.1.1.1".to_owned()], 1));
}

#[test]
fn each_key_follows_its_own_rule_of_merging() {
    let defaults = json!({ "docker": {
        "image": "base", "env": { "A": "1", "B": "1" }, "binds": ["/x:/x"], "tmpfs": ["/tmp"],
        "ulimits": { "nofile": 10, "nproc": 5 }, "memory": 1024, "cpus": 0.5, "spares": 0 },
        "browser": { "binds": [] }, "prune": { "idleHours": 1 } });
    let own = json!({ "docker": {
        "image": "mine", "env": { "B": "2" }, "binds": ["/y:/y:ro"], "tmpfs": [],
        "ulimits": { "nofile": { "soft": 3 } }, "memory": "1k", "runtime": "runsc" },
        "prune": { "maxAgeDays": 0 } });

    let (sandbox, _home) = merged(&defaults, &own);

    let docker = sandbox.docker;
    assert_eq!(docker.image, "mine");
    assert_eq!(docker.env.into_values().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(docker.binds, ["/x:/x", "/y:/y:ro"]);
    assert!(docker.tmpfs.is_empty());
    assert_eq!(docker.ulimits["nofile"], Ulimit { soft: 3, hard: 3 });
    assert_eq!(docker.ulimits["nproc"], Ulimit { soft: 5, hard: 5 });
    assert_eq!((docker.memory_bytes, docker.nano_cpus), (Some(1024), Some(500_000_000)));
    assert_eq!((docker.spares, docker.runtime.as_deref()), (0, Some("runsc")));
    assert_eq!(sandbox.browser.binds, Some(vec![]));
    assert_eq!((sandbox.prune.idle_hours, sandbox.prune.age_days), (1, 0));
}

#[test]
fn a_shared_sandbox_ignores_what_an_agent_says_of_its_inside() {
    let defaults = json!({ "scope": "agent", "docker": { "image": "base" } });
    let own = json!({ "scope": "shared", "workspaceAccess": "rw", "workspaceRoot": "/boxes",
        "docker": { "image": "mine", "binds": ["/y:/y"] }, "prune": { "idleHours": 5 } });

    let (sandbox, _home) = merged(&defaults, &own);

    assert_eq!(sandbox.sharing, Sharing::Shared);
    assert_eq!(sandbox.workspace_access, WorkspaceAccess::ReadWrite);
    assert_eq!(sandbox.workspace_root.to_str(), Some("/boxes"));
    assert_eq!((sandbox.docker.image.as_str(), sandbox.docker.binds), ("base", vec![]));
    assert_eq!(sandbox.prune.idle_hours, 24);
}

#[test]
fn a_sandbox_is_shared_by_scope_then_by_the_older_switch() {
    let cases = [
        (json!({}), json!({}), Sharing::Agent),
        (json!({ "perSession": true }), json!({}), Sharing::Session),
        (json!({ "perSession": true }), json!({ "perSession": false }), Sharing::Shared),
        (json!({ "scope": "session" }), json!({ "perSession": false }), Sharing::Session),
        (json!({ "scope": "session" }), json!({ "scope": "agent" }), Sharing::Agent),
    ];

    for (defaults, own, expected) in cases {
        assert_eq!(merged(&defaults, &own).0.sharing, expected, "{defaults} {own}");
    }
}

#[test]
fn what_makes_no_sense_is_told_with_what_would() {
    let home = Home::new().config(
        "{ agents: { defaults: { sandbox: { mode: 'some', backend: 'ssh', docker: {
             memory: 'much', workdir: 'here', ulimits: { nofile: 'x' }, env: { 'A=B': '1' },
             imgae: 'x', spares: 99 } } } } }",
    );

    let mut problems = home.problems();

    problems.sort();
    insta::assert_snapshot!(problems.join("\n"), @r"
    agents.defaults.sandbox.backend: expected one of `docker`, `podman`, got `ssh` (line 1)
    agents.defaults.sandbox.docker.env: `A=B` is not a variable name (line 2); names have no `=`
    agents.defaults.sandbox.docker.imgae: unknown key (line 3); did you mean `image`?
    agents.defaults.sandbox.docker.memory: `much` is not a size (line 2); write for example `512m`
    agents.defaults.sandbox.docker.spares: expected a whole number from 0 to 16, got 99 (line 3)
    agents.defaults.sandbox.docker.ulimits.nofile: `x` is not a limit (line 2); write for example `1024:2048`
    agents.defaults.sandbox.docker.workdir: `here` is not an absolute path inside the container (line 2); write for example `/workspace`
    agents.defaults.sandbox.mode: expected one of `off`, `non-main`, `all`, got `some` (line 1)
    ");
}

#[test]
fn sandbox_tool_lists_are_replaced_one_by_one_and_keep_their_source() {
    let home = Home::new().config(
        "{ tools: { sandbox: { tools: { deny: ['exec'], alsoAllow: ['cron'] } } },
           agents: { list: [{ id: 'plain' }, { id: 'own',
             tools: { sandbox: { tools: { allow: ['read'], deny: [] } } } }] } }",
    );

    let config = config_of(&home);

    let [plain, own] = &config.agents.list[..] else { panic!() };
    let (plain, own) = (&plain.tools.sandbox, &own.tools.sandbox);
    assert_eq!((plain.allow.source, plain.deny.source), (Source::Default, Source::Global));
    assert!(plain.allow.entries.contains(&"apply_patch".to_owned()));
    assert_eq!(
        (&plain.deny.entries[..], &plain.also_allow[..]),
        (&["exec".to_owned()][..], &["cron".to_owned()][..])
    );
    assert_eq!((own.allow.source, own.deny.source), (Source::Agent, Source::Agent));
    assert_eq!((own.allow.entries.len(), own.deny.entries.len()), (1, 0));
}

#[test]
fn a_read_only_workspace_is_known_to_the_tools() {
    let home = Home::new().config(
        "{ agents: { defaults: { sandbox: { workspaceAccess: 'ro' } },
             list: [{ id: 'a' }, { id: 'b', sandbox: { workspaceAccess: 'rw' } }] } }",
    );

    let config = config_of(&home);

    let read_only = |at: usize| config.agents.list[at].tools.sandbox.read_only;
    assert_eq!((read_only(0), read_only(1)), (true, false));
}

#[test]
fn elevated_senders_are_listed_by_channel() {
    let home = Home::new().config(
        "{ tools: { elevated: { allowFrom: { Telegram: ['@ann', 42] } } },
           channels: { discord: { dm: { allowFrom: ['7'] } } },
           agents: { defaults: { elevatedDefault: 'full' }, list: [{ id: 'a',
             tools: { elevated: { enabled: false, allowFrom: { telegram: [] } } } }] } }",
    );

    let config = config_of(&home);

    let agent = &config.agents.list[0];
    assert!(config.tools.elevated.enabled && !agent.elevated.enabled);
    assert_eq!(config.tools.elevated.allow_from["telegram"], ["@ann", "42"]);
    assert_eq!(config.tools.elevated.fallback["discord"], ["7"]);
    assert!(agent.elevated.allow_from["telegram"].is_empty());
    assert_eq!(agent.elevated_default, config::ElevatedLevel::Full);
}

fn docker() -> impl Strategy<Value = Value> {
    let text = || proptest::option::of("[a-z]{1,3}");
    let list = || proptest::option::of(proptest::collection::vec("/[a-z]{1,2}:/[a-z]{1,2}", 0..3));
    let env = || proptest::option::of(proptest::collection::btree_map("[A-C]", "[a-z]{0,2}", 0..3));
    (text(), list(), env(), proptest::option::of(1_u64..9)).prop_map(|(image, binds, env, pids)| {
        let written = json!({ "image": image, "binds": binds, "env": env, "pidsLimit": pids });
        let Value::Object(map) = written else { unreachable!() };
        map.into_iter().filter(|(_, value)| !value.is_null()).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_agent_without_words_of_its_own_has_the_defaults(defaults in docker()) {
        let defaults = json!({ "docker": defaults });

        let silent = merged(&defaults, &json!({})).0;
        let only = merged(&json!({}), &defaults).0;

        prop_assert_eq!(&silent.docker.binds, &only.docker.binds);
        prop_assert_eq!(&silent.docker.image, &only.docker.image);
        prop_assert_eq!(silent.docker.pids_limit, only.docker.pids_limit);
    }

    #[test]
    fn an_agent_wins_and_adds_but_never_takes_a_bind_away(one in docker(), two in docker()) {
        let (defaults, own) = (json!({ "docker": one }), json!({ "docker": two }));

        let both = merged(&defaults, &own).0.docker;

        let list = |value: &Value| value["docker"]["binds"].as_array().cloned().unwrap_or_default();
        let expected = [list(&defaults), list(&own)].concat();
        prop_assert_eq!(json!(both.binds), json!(expected));
        for (name, value) in own["docker"]["env"].as_object().into_iter().flatten() {
            prop_assert_eq!(&json!(both.env[name]), value);
        }
        if let Some(image) = own["docker"]["image"].as_str() {
            prop_assert_eq!(both.image, image);
        }
    }

    #[test]
    fn a_shared_sandbox_is_the_same_for_every_agent(one in docker(), two in docker()) {
        let defaults = json!({ "scope": "shared", "docker": one });

        let plain = merged(&defaults, &json!({})).0.docker;
        let own = merged(&defaults, &json!({ "docker": two })).0.docker;

        prop_assert_eq!(plain, own);
    }
}
