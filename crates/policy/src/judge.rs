//! May this call happen?
//!
//! The only maker of [`Permit`]s. Which tools a session has is [`crate::tool_policy`]'s to
//! say; this module adds what depends on the single call.

use config::ExecSecurity;
use domain::{Effect, Run};

use crate::{
    allowlist::{Finding, Program},
    approval::{self, Need, Rules, Verdict},
    elevated::{Standing, Way},
    explain::Boxed,
    tool_policy::{Decision, Policy},
};

/// The tool that runs commands.
const EXEC: &str = "exec";

/// Who acts, and under which rules. Built once per turn. The default may use every tool and
/// leave no sandbox.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Session's tool policy, layer by layer.
    pub tools: Policy,
    /// Whether the sender may leave the sandbox.
    pub elevated: Standing,
    /// Where commands run that do not say.
    pub exec_host: config::ExecHost,
    /// What commands on the host need.
    pub host_exec: config::HostExec,
    /// The session's sandbox; `None` when its tools run on the host.
    pub sandbox: Option<Boxed>,
    /// By which door the call comes.
    pub door: Door,
}

/// Which way a call comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// From a model, in a turn.
    #[default]
    Turn,
    /// From a bare request (`POST /tools/invoke`), by `gateway.tools`.
    Request {
        /// Tools that may reach far all the same.
        named: Vec<String>,
        /// Tools that may not be called so, whatever they do.
        withheld: Vec<String>,
    },
}

impl Door {
    /// The rule of calls that the door for bare requests holds back.
    pub const RULE: &'static str = "gateway.tools";

    /// Whether `tool` may pass to cause `effect`.
    pub fn lets(&self, tool: &str, effect: &Effect) -> bool {
        let is_in =
            |list: &[String]| list.iter().any(|name| name.trim().eq_ignore_ascii_case(tool));
        match self {
            Self::Turn => true,
            Self::Request { named, withheld } => {
                !is_in(withheld) && (is_in(named) || !effect.reaches_far())
            }
        }
    }
}

/// Where a permitted call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Where the session's tools run.
    Inside,
    /// On the gateway's machine, though the session has a sandbox.
    Outside,
    /// On a node.
    Node,
}

/// Proof that a call was judged. Only this module makes one; running a tool consumes it.
#[derive(Debug)]
pub struct Permit {
    reach: Reach,
    approved: Option<Verdict>,
    writes: Writes,
}

/// Where a permitted call may write on the host.
///
/// Who may write anywhere there can start programs, by the gateway's config, a shell's profile, a
/// list of keys. So writing goes no further than the commands that the caller may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Anywhere: every command is allowed, too.
    Anywhere,
    /// Anywhere but in the gateway's own files, which say which commands are allowed.
    ExceptOwn,
    /// In the agent's workspace, and not in the gateway's own files: no command is allowed.
    Workspace,
}

impl Permit {
    /// Where it may write on the host. In a sandbox the sandbox alone decides.
    pub fn writes(&self) -> Writes {
        self.writes
    }

    /// Whether the call runs on the host though the session has a sandbox.
    pub fn leaves_sandbox(&self) -> bool {
        self.reach == Reach::Outside
    }

    /// Whether the call runs on a node.
    pub fn is_for_node(&self) -> bool {
        self.reach == Reach::Node
    }

    /// What a person said to it, if one was asked.
    pub fn approved(&self) -> Option<Verdict> {
        self.approved
    }
}

/// The answer.
#[derive(Debug)]
pub enum Judgement {
    /// It may.
    Allow(Permit),
    /// It is a command for a machine whose own rules have a say: [`judge_host`] goes on.
    Host(Reach),
    /// It may not.
    Deny(Denied),
}

/// The answer for a command on a machine.
#[derive(Debug)]
pub enum HostJudgement {
    /// It may run; these entries of the allow-list were used.
    Allow(Permit, Finding),
    /// It may not.
    Deny(Denied),
    /// A person must say.
    Ask(Question),
}

/// A refusal, told to the model as the result of the call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("denied: `{tool}` (rule `{rule}`){}", below(.explanation.as_deref()))]
pub struct Denied {
    /// The tool.
    pub tool: String,
    /// The rule that decided, such as `tools.deny`.
    pub rule: String,
    /// What else there is to say, and what would change it.
    pub explanation: Option<String>,
}

fn below(explanation: Option<&str>) -> String {
    explanation.map(|text| format!("\n{text}")).unwrap_or_default()
}

/// A question for a person: may this command run?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The tool.
    pub tool: String,
    /// What it would run.
    pub run: Run,
    /// Where.
    pub reach: Reach,
    /// The rules' words, for the person to see.
    pub needs: config::HostExec,
    /// What the allow-list said.
    pub finding: Finding,
    fallback: ExecSecurity,
}

impl Question {
    /// Turns the answer into a permit, or into the refusal that the model reads.
    ///
    /// # Errors
    ///
    /// [`Denied`] when the person said no, or nobody said anything and the machine's
    /// `askFallback` does not let it run.
    pub fn settle(self, verdict: Verdict) -> Result<Permit, Denied> {
        match approval::settle(verdict, self.fallback, self.finding.satisfied) {
            None => {
                Ok(Permit { reach: self.reach, approved: Some(verdict), writes: Writes::Anywhere })
            }
            Some(rule) => Err(Denied {
                tool: self.tool,
                rule: rule.to_owned(),
                explanation: Some(format!(
                    "exec denied ({}, {rule}): {}",
                    self.reach.host(),
                    self.run.command
                )),
            }),
        }
    }

    /// Patterns to put on the allow-list for good; none when the verdict does not say so, or no
    /// list can cover the command.
    pub fn to_remember(&self, verdict: Verdict) -> Vec<String> {
        let is_for_ever = verdict == Verdict::AllowAlways && self.reach != Reach::Node;
        self.finding.to_remember.clone().filter(|_| is_for_ever).unwrap_or_default()
    }
}

impl Reach {
    /// The name of the machine's kind on the wire.
    pub fn host(self) -> &'static str {
        match self {
            Self::Inside | Self::Outside => "gateway",
            Self::Node => "node",
        }
    }
}

/// Says whether `subject` may call `tool` to this `effect`.
pub fn judge(tool: &str, effect: &Effect, subject: &Subject) -> Judgement {
    if let Decision::Denied { rule } = subject.tools.decide(tool) {
        let block = subject.tools.sandbox_block(tool).filter(|block| block.names(&rule));
        let explanation = subject.sandbox.as_ref().zip(block);
        let explanation = explanation.map(|(sandbox, block)| sandbox.explain_block(tool, &block));
        return Judgement::Deny(Denied { tool: tool.to_owned(), rule, explanation });
    }
    if !subject.door.lets(tool, effect) {
        let rule = Door::RULE.to_owned();
        let explanation = Some(format!("name it in `gateway.tools.allow` to call `{tool}` so"));
        return Judgement::Deny(Denied { tool: tool.to_owned(), rule, explanation });
    }
    if *effect == (Effect::Supervise { types: true }) && !commands(subject) {
        let rule = "tools.exec".to_owned();
        let explanation = Some("who may run no commands types into none".to_owned());
        return Judgement::Deny(Denied { tool: tool.to_owned(), rule, explanation });
    }
    let Effect::Run(run) = effect else {
        return Judgement::Allow(Permit {
            reach: Reach::Inside,
            approved: None,
            writes: writes(subject),
        });
    };
    reach(tool, run, subject).unwrap_or_else(Judgement::Deny)
}

/// How far `subject` may write.
fn writes(subject: &Subject) -> Writes {
    match (&subject.sandbox, commands(subject), subject.host_exec.security) {
        (Some(_), _, _) | (None, true, ExecSecurity::Full) => Writes::Anywhere,
        (None, true, ExecSecurity::Allowlist | ExecSecurity::Deny) => Writes::ExceptOwn,
        (None, false, _) => Writes::Workspace,
    }
}

/// Whether `subject` may run commands at all, by this door.
fn commands(subject: &Subject) -> bool {
    let run = Effect::Run(Run::default());
    let is_open = subject.sandbox.is_some() || subject.host_exec.security != ExecSecurity::Deny;
    is_open && subject.tools.decide(EXEC) == Decision::Allowed && subject.door.lets(EXEC, &run)
}

/// Whether commands of `subject` that ask for nothing run on the gateway's machine, though its
/// session has a sandbox.
pub fn runs_outside(subject: &Subject) -> bool {
    let way = subject.elevated.way(None, subject.host_exec);
    subject.sandbox.is_some()
        && (way == Some(Way::Outside) || subject.exec_host == config::ExecHost::Gateway)
}

/// Where a command would run, before the machine's own rules are asked.
fn reach(tool: &str, run: &Run, subject: &Subject) -> Result<Judgement, Denied> {
    use config::ExecHost::{Auto, Gateway, Node};
    let wish = run.host.as_deref().map(str::to_lowercase);
    let wish = wish.as_deref().filter(|host| *host != "auto");
    let is_boxed = subject.sandbox.is_some();
    let Some(way) = subject.elevated.way(run.elevated, subject.host_exec) else {
        // Without a sandbox the call is where it wants to be, but claims what it may not.
        return Err(Denied {
            tool: tool.to_owned(),
            rule: subject.elevated.rule().to_owned(),
            explanation: Some(refusal(&subject.elevated, subject.sandbox.as_ref())),
        });
    };
    // Who leaves the sandbox by right goes to the gateway's machine, whatever else is said.
    let outside = if is_boxed { Reach::Outside } else { Reach::Inside };
    if way == Way::Outside && wish != Some("sandbox") && (is_boxed || run.elevated == Some(true)) {
        return Ok(Judgement::Host(outside));
    }
    match (wish, subject.exec_host) {
        (None | Some("node"), Node) => Ok(Judgement::Host(Reach::Node)),
        (None | Some("gateway"), Gateway) => Ok(Judgement::Host(outside)),
        (Some("gateway"), Auto) if !is_boxed => Ok(Judgement::Host(Reach::Inside)),
        (Some(host @ ("gateway" | "node")), _) => Err(Denied {
            tool: tool.to_owned(),
            rule: "tools.exec.host".to_owned(),
            explanation: Some(format!(
                "exec host not allowed (requested {host}; configure tools.exec.host={host} to \
                 allow)"
            )),
        }),
        // `sandbox`, and what is no host at all: the tool says what is wrong with it.
        (Some(_), _) | (None, Auto) if is_boxed => Ok(Judgement::Allow(Permit {
            reach: Reach::Inside,
            approved: None,
            writes: Writes::Anywhere,
        })),
        (Some(_), _) | (None, Auto) => Ok(Judgement::Host(Reach::Inside)),
    }
}

/// Goes on for a command on a machine: `rules` are that machine's, and `programs` are those of
/// the command as found there.
pub fn judge_host(
    tool: &str,
    run: &Run,
    reach: Reach,
    rules: &Rules,
    programs: &[Option<Program>],
) -> HostJudgement {
    match rules.need(run, programs) {
        Need::Nothing(finding) => HostJudgement::Allow(
            Permit { reach, approved: None, writes: Writes::Anywhere },
            finding,
        ),
        Need::Word(finding) => {
            let (security, ask) = rules.tightened(run);
            HostJudgement::Ask(Question {
                tool: tool.to_owned(),
                run: run.clone(),
                reach,
                needs: config::HostExec { security, ask },
                finding,
                fallback: rules.fallback,
            })
        }
        Need::Refused(why) => HostJudgement::Deny(Denied {
            tool: tool.to_owned(),
            rule: "tools.exec.security".to_owned(),
            explanation: Some(match why {
                "allowlist miss" => "exec denied: allowlist miss".to_owned(),
                why => format!("exec denied: host={} {why}", reach.host()),
            }),
        }),
    }
}

/// Why a call may not run outside: which gates are closed, and what would open them.
fn refusal(standing: &Standing, sandbox: Option<&Boxed>) -> String {
    let runtime = if sandbox.is_some() { "sandboxed" } else { "direct" };
    let mut lines = vec![format!("elevated is not available here (runtime: {runtime})")];
    if let Standing::Closed(gates) = standing {
        lines.extend(gates.iter().map(|gate| format!("closed gate: {} ({})", gate.gate, gate.key)));
    }
    if let Some(sandbox) = sandbox {
        lines.push(format!("session: {}", sandbox.session));
        lines.push(format!("see: {}", sandbox.explain_command()));
    }
    lines.join("\n")
}

#[cfg(test)]
mod doors;

#[cfg(test)]
mod tests {
    use config::{ElevatedLevel, ExecAsk, ExecHost, HostExec, SandboxMode};
    use domain::{ExecApprovals, SessionKey};

    use super::*;
    use crate::tool_policy::tests::{Setup, layer};

    fn run(elevated: Option<bool>) -> Effect {
        Effect::Run(Run { command: "true".to_owned(), elevated, ..Run::default() })
    }

    fn boxed() -> Boxed {
        Boxed {
            mode: SandboxMode::NonMain,
            session: SessionKey::stored("agent:a:telegram:group:1"),
            main_session: SessionKey::stored("agent:a:main"),
        }
    }

    #[test]
    fn a_denial_reads_as_the_model_is_told() {
        let mut setup = Setup::default();
        setup.tools.layers.layer = layer(None, &["exec"]);
        let subject = Subject { tools: setup.policy(), ..Subject::default() };

        let Judgement::Deny(denied) = judge("exec", &run(None), &subject) else {
            panic!("exec is denied");
        };

        assert_eq!(denied.to_string(), "denied: `exec` (rule `tools.deny`)");
    }

    #[test]
    fn a_sandboxed_session_is_told_what_would_unblock_the_tool() {
        let mut setup = Setup::default();
        setup.sandboxed = true;
        let sandbox = Some(boxed());
        let subject = Subject { tools: setup.policy(), sandbox, ..Subject::default() };

        let Judgement::Deny(denied) = judge("browser", &Effect::Observe, &subject) else {
            panic!("the default lists deny it");
        };

        assert_eq!(
            denied.to_string().lines().collect::<Vec<_>>(),
            [
                "denied: `browser` (rule `tools.sandbox.tools.deny`)",
                "the sandbox policy keeps `browser` from this session (mode `non-main`, session \
                 `agent:a:telegram:group:1`)",
                "reason: deny list, allow list",
                "fix: take `browser` out of tools.sandbox.tools.deny",
                "fix: add `browser` to tools.sandbox.tools.allow",
                "fix: run without a sandbox: agents.defaults.sandbox.mode=off",
                "fix: use the main session, which is not sandboxed: agent:a:main",
                "see: openclaw sandbox explain --session agent:a:telegram:group:1",
            ]
        );
    }

    #[test]
    fn leaving_the_sandbox_is_refused_while_nobody_is_listed() {
        let subject = Subject { sandbox: Some(boxed()), ..Subject::default() };

        let Judgement::Deny(denied) = judge("exec", &run(Some(true)), &subject) else {
            panic!("nobody may");
        };

        assert!(denied.to_string().contains("runtime: sandboxed"), "{denied}");
        for asked in [None, Some(false)] {
            let Judgement::Allow(permit) = judge("exec", &run(asked), &subject) else {
                panic!("inside it may run");
            };
            assert!(!permit.leaves_sandbox());
        }
    }

    fn goes(effect: &Effect, subject: &Subject) -> Option<Reach> {
        match judge("exec", effect, subject) {
            Judgement::Allow(permit) => Some(permit.reach),
            Judgement::Host(reach) => Some(reach),
            Judgement::Deny(_) => None,
        }
    }

    #[test]
    fn a_listed_sender_leaves_a_sandbox_and_only_a_sandbox() {
        let mut subject = Subject {
            elevated: Standing::Open(ElevatedLevel::On),
            sandbox: Some(boxed()),
            ..Subject::default()
        };

        assert_eq!(goes(&run(None), &subject), Some(Reach::Outside));
        subject.sandbox = None;
        assert_eq!(goes(&run(None), &subject), Some(Reach::Inside));
    }

    #[test]
    fn a_call_that_leaves_the_sandbox_still_needs_what_the_machine_asks() {
        let host_exec = HostExec { ask: ExecAsk::Always, ..HostExec::default() };
        let subject = Subject {
            elevated: Standing::Open(ElevatedLevel::Full),
            host_exec,
            sandbox: Some(boxed()),
            ..Subject::default()
        };
        let Effect::Run(wish) = run(None) else { panic!("it runs") };
        let rules = Rules::of(&ExecApprovals::default(), "a", host_exec);

        let Judgement::Host(reach) = judge("exec", &run(None), &subject) else {
            panic!("the machine has a say")
        };
        let HostJudgement::Ask(question) = judge_host("exec", &wish, reach, &rules, &[]) else {
            panic!("a person is asked")
        };

        assert!(question.clone().settle(Verdict::AllowOnce).is_ok_and(|it| it.leaves_sandbox()));
        let denied = question.settle(Verdict::Deny).unwrap_err();
        assert_eq!(
            denied.to_string(),
            "denied: `exec` (rule `user-denied`)\nexec denied (gateway, user-denied): true"
        );
        assert!(matches!(judge("exec", &run(Some(false)), &subject), Judgement::Allow(_)));
    }

    #[test]
    fn where_a_command_runs_follows_from_config_and_wish() {
        let on = |exec_host, is_boxed: bool| Subject {
            exec_host,
            sandbox: is_boxed.then(boxed),
            ..Subject::default()
        };
        let wish = |host: Option<&str>| {
            Effect::Run(Run { host: host.map(str::to_owned), ..Run::default() })
        };
        let (inside, outside, node) =
            (Some(Reach::Inside), Some(Reach::Outside), Some(Reach::Node));
        let cases = [
            (ExecHost::Auto, true, None, inside),
            (ExecHost::Auto, true, Some("gateway"), None),
            (ExecHost::Auto, true, Some("node"), None),
            (ExecHost::Auto, false, None, inside),
            (ExecHost::Auto, false, Some("gateway"), inside),
            (ExecHost::Auto, false, Some("node"), None),
            (ExecHost::Gateway, true, None, outside),
            (ExecHost::Gateway, true, Some("sandbox"), inside),
            (ExecHost::Gateway, false, Some("node"), None),
            (ExecHost::Node, true, None, node),
            (ExecHost::Node, false, Some("Node"), node),
            (ExecHost::Node, false, Some("gateway"), None),
        ];

        for (host, is_boxed, wanted, expected) in cases {
            let case = format!("{host:?} {is_boxed} {wanted:?}");
            assert_eq!(goes(&wish(wanted), &on(host, is_boxed)), expected, "{case}");
        }
    }
}
