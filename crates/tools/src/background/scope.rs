//! Whose a process is: the machine that it runs on, and who shares that machine.
//!
//! A session sees the processes of the machine that its own calls run on, and on the host only
//! those of its agent. Beside these it sees what it started itself, such as a command that it was
//! permitted to run outside of its sandbox.

use domain::{AgentId, SessionKey};

/// Processes that run at once, in the foreground and in the background.
pub(super) const RUNNING_MAX: usize = 256;
/// Of these, processes of all sandboxes together: the rest is for the host.
const IN_SANDBOXES_MAX: usize = 192;
/// Of these, processes of the sandboxes of one agent.
const OF_AGENT_IN_SANDBOXES_MAX: usize = 96;
/// Of these, processes of one sandbox.
const IN_SANDBOX_MAX: usize = 64;

/// The machine that a call runs on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Machine {
    /// The gateway's own.
    Host,
    /// A sandbox, by engine and scope key.
    Sandbox(String),
}

/// Whose a process is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scope {
    /// The agent of the session that started it.
    pub(crate) agent: AgentId,
    /// Where it runs.
    pub(crate) machine: Machine,
}

impl Scope {
    /// The scope of a call that `session` makes on `machine`.
    pub(crate) fn of(session: &SessionKey, machine: &Machine) -> Self {
        let agent = session.agent().unwrap_or_else(AgentId::main);
        Self { agent, machine: machine.clone() }
    }

    /// Whether a caller in this scope shares the machine of a process in `other`. A sandbox is
    /// shared as a whole; on the host each agent has its own processes.
    pub(crate) fn shares(&self, other: &Self) -> bool {
        match (&self.machine, &other.machine) {
            (Machine::Host, Machine::Host) => self.agent == other.agent,
            (Machine::Sandbox(own), Machine::Sandbox(other)) => own == other,
            (Machine::Host, Machine::Sandbox(_)) | (Machine::Sandbox(_), Machine::Host) => false,
        }
    }

    /// The bound that one more process here would exceed when `running` run already.
    pub(crate) fn bound_reached<'a>(
        &self,
        running: &(impl Iterator<Item = &'a Self> + Clone),
    ) -> Option<(usize, &'static str)> {
        let count = |is: &dyn Fn(&Self) -> bool| running.clone().filter(|it| is(it)).count();
        let is_boxed = |it: &Self| it.machine != Machine::Host;
        let reached = |found: usize, max: usize, whose| (found >= max).then_some((max, whose));
        let own = || reached(count(&|it| it.machine == self.machine), IN_SANDBOX_MAX, "sandbox");
        let of_agent = || {
            let is = |it: &Self| is_boxed(it) && it.agent == self.agent;
            reached(count(&is), OF_AGENT_IN_SANDBOXES_MAX, "agent's sandboxes")
        };
        let boxed = || reached(count(&is_boxed), IN_SANDBOXES_MAX, "gateway's sandboxes");
        let all = reached(count(&|_| true), RUNNING_MAX, "gateway");
        let in_sandboxes = || own().or_else(of_agent).or_else(boxed);
        all.or_else(|| is_boxed(self).then(in_sandboxes).flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(agent: &str, sandbox: Option<&str>) -> Scope {
        let machine = sandbox.map_or(Machine::Host, |key| Machine::Sandbox(key.to_owned()));
        Scope { agent: AgentId::normalise(agent), machine }
    }

    #[test]
    fn a_sandbox_is_shared_as_a_whole_and_the_host_by_agent() {
        let (host, other) = (scope("a", None), scope("b", None));
        let (boxed, foreign) = (scope("a", Some("x")), scope("a", Some("y")));

        assert!(host.shares(&scope("a", None)) && !host.shares(&other));
        assert!(boxed.shares(&scope("b", Some("x"))) && !boxed.shares(&foreign));
        assert!(!host.shares(&boxed) && !boxed.shares(&host));
    }

    #[test]
    fn no_sandbox_and_no_agent_takes_all_the_slots() {
        let mut running = Vec::new();
        let mut fill = |agent: &str, sandbox: Option<&str>| {
            let one = scope(agent, sandbox);
            let mut count = 0;
            while one.bound_reached(&running.iter()).is_none() {
                running.push(one.clone());
                count += 1;
            }
            count
        };

        assert_eq!(fill("a", Some("a:1")), 64);
        assert_eq!(fill("a", Some("a:2")), 32);
        assert_eq!(fill("a", Some("a:3")), 0);
        assert_eq!(fill("b", Some("b:1")), 64);
        assert_eq!(fill("b", Some("b:2")), 32);
        assert_eq!(fill("c", Some("c:1")), 0);
        assert_eq!(fill("a", None), 64);
        assert_eq!(scope("b", None).bound_reached(&running.iter()), Some((256, "gateway")));
    }
}
