//! `doctor`: looks at everything that is known to go wrong, says what to do, and does it if told.
//!
//! First the facts are gathered ([`scene`]), then each check judges them: a check is a function
//! from the scene to findings and touches nothing. What can be mended carries a [`Repair`].

mod boxes;
mod clock;
mod config_file;
mod disk;
mod engine;
mod exposure;
mod finding;
mod gateway;
mod keys;
mod origins;
mod others;
mod owner;
mod repair;
mod report;
mod scene;
mod secrets;
mod sessions;
mod token;
mod walls;
mod workspace;
mod writable;

use serde_json::{Value, json};

use self::{
    finding::{Finding, Outcome, Severity},
    repair::{Done, Repair},
    scene::Scene,
};
use crate::{
    consent,
    error::{Failure, Kind},
    program::Program,
    ui, wait_for,
};

/// Find out what is wrong, and mend it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw doctor --fix")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Args {
    /// Mend what is safe to mend; ask about the rest
    #[arg(long, alias = "repair")]
    fix: bool,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
    /// Ask nothing
    #[arg(long)]
    non_interactive: bool,
    /// Look longer: stray sandboxes, other gateways and services
    #[arg(long)]
    deep: bool,
    /// Make a gateway token if there is none
    #[arg(long)]
    generate_gateway_token: bool,
    /// Say nothing about workspaces that only could be better
    #[arg(long)]
    no_workspace_suggestions: bool,
    /// Accepted for scripts; there is no service file to replace
    #[arg(long, hide = true)]
    force: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// One thing to look at.
struct Check {
    id: &'static str,
    title: &'static str,
    look: fn(&Scene<'_>) -> Outcome,
}

/// All checks, in the order in which they are told.
const CHECKS: [Check; 18] = [
    Check { id: "config", title: "Config", look: config_file::look },
    Check { id: "owner", title: "Owner and modes", look: owner::look },
    Check { id: "writable", title: "Writable", look: writable::look },
    Check { id: "disk", title: "Disk space", look: disk::look },
    Check { id: "clock", title: "Clock", look: clock::look },
    Check { id: "gateway", title: "Gateway", look: gateway::look },
    Check { id: "token", title: "Token", look: token::look },
    Check { id: "origins", title: "Browser pages", look: origins::look },
    Check { id: "exposure", title: "Exposure", look: exposure::look },
    Check { id: "secrets", title: "Secrets", look: secrets::look },
    Check { id: "keys", title: "Model keys", look: keys::look },
    Check { id: "engine", title: "Container engine", look: engine::look },
    Check { id: "images", title: "Sandbox images", look: engine::look_at_images },
    Check { id: "sandboxes", title: "Sandboxes", look: boxes::look },
    Check { id: "walls", title: "Sandbox walls", look: walls::look },
    Check { id: "sessions", title: "Conversations", look: sessions::look },
    Check { id: "workspace", title: "Workspaces", look: workspace::look },
    Check { id: "others", title: "Other gateways", look: others::look },
];

/// A check, and what it came to.
struct Looked {
    check: &'static Check,
    outcome: Outcome,
}

pub(crate) fn run(program: &mut Program, args: &Args) -> Result<(), Failure> {
    let mut looked = look(program, args)?;
    let mut done = Vec::new();
    if wants_repairs(&looked, args)? {
        done = repair(program, args, &mut looked)?;
        if !done.is_empty() {
            program.reload();
            looked = look(program, args)?;
        }
    }
    let ok = looked.iter().flat_map(Looked::findings).all(|it| it.severity == Severity::Note);
    if args.json {
        ui::answer_json(&document(program, &looked, &done, ok));
    } else {
        report::print(program, &looked, &done);
    }
    if ok {
        return Ok(());
    }
    let mut failure = Failure::new(Kind::Failed, "not everything is well").answered(args.json);
    if looked.iter().flat_map(Looked::findings).any(|it| it.repair.is_some()) {
        failure = failure.hint(format!("{} doctor --fix", program.invocation()));
    }
    Err(failure)
}

fn look(program: &Program, args: &Args) -> Result<Vec<Looked>, Failure> {
    let mut looked = Vec::new();
    wait_for(async {
        let scene = Scene::gather(program, args.deep).await;
        for check in &CHECKS {
            looked.push(Looked { check, outcome: (check.look)(&scene) });
        }
        Ok(())
    })?;
    for it in &mut looked {
        let is_unwanted = args.no_workspace_suggestions && it.check.id == "workspace";
        if let (true, Outcome::Looked(findings)) = (is_unwanted, &mut it.outcome) {
            findings.retain(|finding| finding.severity != Severity::Note);
        }
    }
    Ok(looked)
}

/// Whether anything is to be mended: told so, or agreed to.
fn wants_repairs(looked: &[Looked], args: &Args) -> Result<bool, Failure> {
    if args.fix || args.yes || args.generate_gateway_token {
        return Ok(true);
    }
    let count = looked.iter().flat_map(Looked::findings).filter(|it| it.repair.is_some()).count();
    if count == 0 || args.json || args.non_interactive || !consent::is_anybody_there() {
        return Ok(false);
    }
    let them = if count == 1 { "one thing".to_owned() } else { format!("{count} things") };
    consent::is_given(&format!("{them} can be mended now; do it?"))
}

fn repair(program: &mut Program, args: &Args, looked: &mut [Looked]) -> Result<Vec<Done>, Failure> {
    let may_ask = !args.json && !args.non_interactive && consent::is_anybody_there();
    let mut done = Vec::new();
    for finding in looked.iter_mut().flat_map(Looked::findings_mut) {
        let Some(repair) = finding.repair.take() else { continue };
        let is_told = args.yes || (args.generate_gateway_token && repair == Repair::NewToken);
        let agreed = match (repair.is_safe() && (args.fix || !args.generate_gateway_token), may_ask)
        {
            (true, _) => true,
            (false, _) if is_told => true,
            (false, true) => consent::is_given(&format!("{}: {}?", finding.title, repair.shown()))?,
            (false, false) => false,
        };
        if agreed {
            let outcome = repair.apply(program);
            program.reload();
            done.push(Done { id: finding.id, action: repair.shown(), failed: outcome.err() });
        }
    }
    Ok(done)
}

/// The result for scripts.
fn document(program: &Program, looked: &[Looked], done: &[Done], ok: bool) -> Value {
    let count = |severity| {
        looked.iter().flat_map(Looked::findings).filter(|it| it.severity == severity).count()
    };
    let findings =
        looked.iter().flat_map(|it| it.findings().iter().map(|finding| finding.json(it.check.id)));
    json!({
        "ok": ok,
        "ts": program.clock.now(),
        "version": env!("CARGO_PKG_VERSION"),
        "summary": {
            "error": count(Severity::Error),
            "warn": count(Severity::Warn),
            "info": count(Severity::Note),
        },
        "checks": looked.iter().map(Looked::json).collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
        "repairs": done.iter().map(Done::json).collect::<Vec<_>>(),
    })
}

impl Looked {
    fn findings(&self) -> &[Finding] {
        match &self.outcome {
            Outcome::Looked(findings) => findings,
            Outcome::Skipped(_) => &[],
        }
    }

    fn findings_mut(&mut self) -> &mut [Finding] {
        match &mut self.outcome {
            Outcome::Looked(findings) => findings,
            Outcome::Skipped(_) => &mut [],
        }
    }

    /// `ok`, `skipped`, or the worst that was found.
    fn status(&self) -> &'static str {
        match &self.outcome {
            Outcome::Skipped(_) => "skipped",
            Outcome::Looked(findings) => {
                findings.iter().map(|it| it.severity).max().map_or("ok", Severity::as_str)
            }
        }
    }

    fn json(&self) -> Value {
        let skipped = match &self.outcome {
            Outcome::Skipped(why) => Some(*why),
            Outcome::Looked(_) => None,
        };
        json!({
            "id": self.check.id,
            "title": self.check.title,
            "status": self.status(),
            "skipped": skipped,
        })
    }
}
