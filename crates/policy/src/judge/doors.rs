//! No sequence of allowed calls gains what is denied.
//!
//! A capability is what a call can bring about; some bring others with them. The property closes
//! what a caller is allowed over these, and finds nothing in it that was denied.

use config::{ExecSecurity, HostExec, SandboxMode};
use domain::SessionKey;
use proptest::prelude::*;

use super::*;
use crate::tool_policy::tests::{Setup, layer};

/// Every tool that has an effect, with one call of each kind.
fn calls() -> Vec<(&'static str, Effect)> {
    let write = || Effect::Write { paths: vec!["x".to_owned()] };
    vec![
        ("exec", Effect::Run(Run::default())),
        ("process", Effect::Supervise { types: true }),
        ("process", Effect::Supervise { types: false }),
        ("write", write()),
        ("edit", write()),
        ("apply_patch", write()),
        ("read", Effect::Read { path: "x".to_owned() }),
        ("sessions_send", Effect::Send { to: "x".to_owned() }),
        ("sessions_spawn", Effect::Spawn { agent: None }),
        ("sessions_list", Effect::Observe),
        ("session_status", Effect::Configure),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Capability {
    /// Starts programs where the session's tools run.
    Commands,
    /// Writes anywhere on the host.
    WritesAnywhere,
    /// Types into programs that run.
    Types,
}

/// What follows from `capability`: whoever writes anywhere on the host, or types into a shell,
/// starts programs.
fn closure(found: &[Capability]) -> bool {
    found.iter().any(|it| {
        matches!(it, Capability::Commands | Capability::WritesAnywhere | Capability::Types)
    })
}

fn gains(subject: &Subject) -> Vec<Capability> {
    let gain = |(tool, effect): &(&str, Effect)| match (judge(tool, effect, subject), effect) {
        (Judgement::Deny(_), _) => None,
        (_, Effect::Run(_)) => {
            let is_open = subject.host_exec.security != ExecSecurity::Deny;
            (subject.sandbox.is_some() || is_open).then_some(Capability::Commands)
        }
        (_, Effect::Supervise { types: true }) => Some(Capability::Types),
        (Judgement::Allow(permit), Effect::Write { .. }) => {
            let is_free = subject.sandbox.is_none() && permit.writes() == Writes::Anywhere;
            is_free.then_some(Capability::WritesAnywhere)
        }
        _ => None,
    };
    calls().iter().filter_map(gain).collect()
}

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    let all: Vec<&'static str> = calls().iter().map(|(name, _)| *name).collect();
    prop::collection::vec(prop::sample::select(all), 0..6)
}

fn subjects() -> impl Strategy<Value = Subject> {
    let security =
        prop::sample::select(vec![ExecSecurity::Deny, ExecSecurity::Allowlist, ExecSecurity::Full]);
    let door = (any::<bool>(), names(), names());
    (names(), names(), any::<bool>(), any::<bool>(), security, door).prop_map(
        |(allow, deny, has_allow, is_boxed, security, (is_request, named, withheld))| {
            let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
            let mut setup = Setup::default();
            setup.sandboxed = is_boxed;
            setup.tools.layers.layer = layer(has_allow.then_some(&allow[..]), &deny);
            let door = Door::Request { named: owned(named), withheld: owned(withheld) };
            Subject {
                tools: setup.policy(),
                host_exec: HostExec { security, ..HostExec::default() },
                sandbox: is_boxed.then(|| Boxed {
                    mode: SandboxMode::All,
                    session: SessionKey::stored("agent:a:telegram:group:1"),
                    main_session: SessionKey::stored("agent:a:main"),
                }),
                door: if is_request { door } else { Door::Turn },
                ..Subject::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_sequence_of_allowed_calls_starts_a_program_where_that_is_denied(subject in subjects()) {
        let exec = Effect::Run(Run::default());
        let has_tool = !matches!(judge("exec", &exec, &subject), Judgement::Deny(_));
        let may_run = has_tool
            && (subject.sandbox.is_some() || subject.host_exec.security != ExecSecurity::Deny);

        let gained = gains(&subject);

        prop_assert!(may_run || !closure(&gained), "{gained:?}");
    }

    #[test]
    fn a_bare_request_reaches_far_only_by_name(subject in subjects()) {
        let Door::Request { named, .. } = &subject.door else { return Ok(()) };
        for (tool, effect) in calls() {
            if matches!(judge(tool, &effect, &subject), Judgement::Deny(_)) {
                continue;
            }
            prop_assert!(!effect.reaches_far() || named.iter().any(|it| it == tool), "{tool}");
        }
    }
}
