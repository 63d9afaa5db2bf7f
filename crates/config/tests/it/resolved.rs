//! The values that the rest of the system reads.

use std::time::Duration;

use config::{Api, AuthMode, Bind, Config, QueueMode, Reset, SandboxMode, ToolProfile};

use crate::home::Home;

fn config(home: &Home) -> Config {
    let loaded = home.load();
    assert_eq!(loaded.snapshot.problems, []);
    (*loaded.config.unwrap()).clone()
}

#[test]
fn both_key_generations_give_the_same_agents() {
    let older = Home::new().config(
        "{ agents: { list: [{ id: 'main', name: 'A', model: 'openai/x' }, { id: 'ops',
            tools: { exec: { timeoutSec: 5 } } }], defaults: { heartbeat: { every: '5m' } } },
           bindings: [{ agentId: 'ops', match: { channel: 'telegram', peer: { kind: 'dm', id: '1' } } }] }",
    );
    let newer = Home::new().config(
        "{ agents: { entries: { main: { name: 'A', model: 'openai/x' }, ops: {
            tools: { exec: { timeoutSeconds: 5 } } } }, defaults: { heartbeat: { every: '5m' } } },
           bindings: [{ agentId: 'ops', match: { channel: 'telegram', peer: { kind: 'direct', id: '1' } } }] }",
    );

    let shown = |home: &Home| {
        let root = home.locations().home.display().to_string();
        format!("{:#?}", config(home).agents).replace(&root, "~")
    };

    assert_eq!(shown(&older), shown(&newer));
    assert_eq!(older.load().snapshot.resolved, newer.load().snapshot.resolved);
}

#[test]
fn agents_take_what_they_lack_from_the_defaults() {
    let home = Home::new().config(
        "{ agents: {
            defaults: { model: { primary: 'fast', fallbacks: ['openai/b', 'z.ai/c'] },
              models: { 'anthropic/claude-x': { alias: 'Fast', params: { temperature: 0.5 } } },
              workspace: '~/ws', thinkingDefault: 'low', sandbox: { mode: 'all' }, compaction: { reserveTokensFloor: 9 },
              heartbeat: { every: '0m' } },
            list: [{ id: 'One' }, { id: 'two', default: true, model: { primary: 'openai/o',
              fallbacks: [] }, heartbeat: { every: '90' }, sandbox: { mode: 'non-main' } }] } }",
    );

    let config = config(&home);

    let locations = home.locations();
    let [one, two] = &config.agents.list[..] else { panic!() };
    let names =
        |agent: &config::Agent| agent.models.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(config.agents.default.as_str(), "two");
    assert_eq!(names(one), ["anthropic/claude-x", "openai/b", "zai/c"]);
    assert_eq!(names(two), ["openai/o"]);
    assert_eq!(one.workspace, locations.home.join(".openclaw/workspace-one"));
    assert_eq!(two.workspace, locations.home.join("ws"));
    assert_eq!(one.agent_dir, locations.state_dir.join("agents/one/agent"));
    assert_eq!((one.heartbeat_every, two.heartbeat_every), (None, Some(Duration::from_mins(90))));
    assert_eq!(one.compaction.reserve_tokens, 9);
    assert_eq!((one.sandbox, two.sandbox), (SandboxMode::All, SandboxMode::NonMain));
    assert_eq!(two.thinking.as_deref(), Some("low"));
}

#[test]
fn the_environment_fills_secrets_and_beats_the_port() {
    let home = Home::new()
        .var("OPENCLAW_GATEWAY_PORT", "4000")
        .var("CLAWDBOT_GATEWAY_PASSWORD", "pw")
        .config("{ gateway: { port: 5000, bind: 'custom', customBindHost: '10.0.0.1' } }");
    let both = Home::new()
        .var("OPENCLAW_GATEWAY_TOKEN", "env")
        .config("{ gateway: { auth: { token: 'file' } } }");

    let (first, second) = (config(&home).gateway, config(&both).gateway);

    assert_eq!(first.port, 4000);
    assert_eq!(first.bind, Bind::Custom([10, 0, 0, 1].into()));
    assert_eq!(first.auth.mode, AuthMode::Password);
    assert_eq!(second.auth.mode, AuthMode::Token);
    assert_eq!(second.auth.token.unwrap().expose(), "file");
}

#[test]
fn provider_keys_may_name_a_variable() {
    let home = Home::new().var("MY_KEY", "sk-1").config(
        "{ models: { providers: {
            named: { baseUrl: 'http://h/v1/', apiKey: 'MY_KEY', api: 'anthropic-messages' },
            filled: { baseUrl: 'http://h', apiKey: '${MY_KEY}' },
            literal: { baseUrl: 'http://h', apiKey: 'OTHER_KEY',
              models: [{ id: 'm', name: 'M', input: ['text', 'image'], contextWindow: 4096 }] } } } }",
    );

    let providers = config(&home).models.providers;

    let key = |id: &str| providers[id].api_key.as_ref().unwrap().expose().to_owned();
    assert_eq!([key("named"), key("filled"), key("literal")], ["sk-1", "sk-1", "OTHER_KEY"]);
    assert_eq!(providers["named"].base_url, "http://h/v1");
    assert_eq!(providers["named"].api, Some(Api::AnthropicMessages));
    let model = &providers["literal"].models[0];
    assert_eq!((model.images, model.context_tokens, model.output_tokens_max), (true, 4096, 4096));
}

#[test]
fn sessions_queues_and_tools_are_read() {
    let home = Home::new().config(
        "{ session: { idleMinutes: 5, resetByType: { direct: { mode: 'idle' } } },
           messages: { queue: { mode: 'queue', byChannel: { slack: 'steer+backlog' } } },
           tools: { profile: 'coding', deny: ['exec'], byProvider: { openai: { allow: ['read'] } },
             sandbox: { tools: { allow: [] } }, exec: { backgroundMs: 1, timeoutSec: 0 } } }",
    );

    let config = config(&home);

    let idle = |minutes| Some(Duration::from_mins(minutes));
    assert_eq!(config.session.reset, Reset { daily_at_hour: None, idle: idle(5) });
    assert_eq!(
        config.session.reset_by_type["direct"],
        Reset { daily_at_hour: None, idle: idle(60) }
    );
    assert_eq!(config.messages.queue.mode, QueueMode::Steer);
    assert_eq!(config.messages.queue_by_channel["slack"], QueueMode::SteerBacklog);
    assert_eq!(config.tools.layers.profile, Some(ToolProfile::Coding));
    assert_eq!(config.tools.layers.by_provider["openai"].1.allow, Some(vec!["read".to_owned()]));
    assert!(config.tools.layers.sandbox.allow.entries.is_empty());
    assert!(config.tools.layers.sandbox.deny.entries.contains(&"telegram".to_owned()));
    let exec = &config.agents.list[0].exec;
    assert_eq!((exec.yield_after, exec.timeout), (Duration::from_millis(10), None));
}
