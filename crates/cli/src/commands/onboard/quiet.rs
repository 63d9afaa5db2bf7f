//! `onboard --non-interactive`: flags, one write, a word about each thing done.
//!
//! With `--json` the answer on stdout is one document and all talk goes to stderr.

use std::time::Duration;

use onboard::{Check, Done, Facts, Failed, Flags, ModelSetup, Plan, Setup, Target, Wrote};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    COMMAND,
    flags::Args,
    place::{facts, not_applied, place, refused},
};
use crate::{
    args::Rpc,
    error::{Failure, Kind},
    program::Program,
    target, tls, ui,
};

/// How long a gateway may take to answer after a setup.
const GATEWAY_WAIT: Duration = Duration::from_secs(15);
/// How long it may take to say how it is.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks for it.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) fn run(program: &mut Program, args: &Args) -> Result<(), Failure> {
    if !args.accept_risk {
        let message = "an agent with tools can do harm; without questions, say that you know it";
        return Err(Failure::new(Kind::Usage, message)
            .fact("Read: https://docs.openclaw.ai/security")
            .hint("openclaw onboard --non-interactive --accept-risk"));
    }
    let flags = args.flags(program.clock.as_ref())?;
    let mut facts = facts(program)?;
    if let Some(language) = &args.lang {
        facts.language = onboard::Language::of_locale(language);
    }
    let setup = flags.setup(&facts).map_err(|refusal| refused(&refusal))?;
    let plan = Plan::of(&setup, &facts, Some(COMMAND));
    if let Some(model) = setup.model.as_ref().filter(|_| args.check_key()) {
        check(program, &facts, model, &plan)?;
    }
    let done = onboard::apply(&plan, &place(program)).map_err(|error| not_applied(&error))?;
    program.reload();
    let say = |line: String| if args.steps.json { ui::say(line) } else { ui::answer(line) };
    for line in lines(program, &done) {
        say(line);
    }
    service(args, facts.in_container);
    let is_local = !matches!(setup.target, Some(Target::Remote { .. }));
    if is_local && !args.steps.skip_health {
        crate::wait_for(health(program))?;
    }
    if args.steps.json {
        ui::answer_json(&summary(&setup, &flags, &done, args));
    } else if is_local {
        ui::hint(format!("{} gateway run", program.invocation()));
    }
    Ok(())
}

/// Tries the key; nothing was written yet.
fn check(program: &Program, facts: &Facts, model: &ModelSetup, plan: &Plan) -> Result<(), Failure> {
    tls::install();
    let clock = std::sync::Arc::clone(&program.clock);
    let check =
        Check::of(model, plan, &place(program), clock).map_err(|error| not_applied(&error))?;
    let Some(check) = check else { return Ok(()) };
    crate::wait_for(async { check.run().await.map_err(|failed| key_refused(&failed, facts)) })
}

fn key_refused(failed: &Failed, facts: &Facts) -> Failure {
    let mut failure = Failure::new(Kind::Refused, "the key did not pass its check");
    failure.causes.push(failed.text.clone());
    failure
        .fact(failed.advice(facts.language))
        .fact("Nothing was written.")
        .hint("leave --check-key out to store the key untried, or use --auth-choice skip")
}

/// What was done, a line for each thing.
pub(crate) fn lines(program: &Program, done: &Done) -> Vec<String> {
    let shown = |path: &std::path::Path| program.locations.shorten(path);
    let mut lines: Vec<String> =
        done.set_aside.iter().map(|path| format!("Moved away: {}", shown(path))).collect();
    lines.extend(done.credentials.as_deref().map(|path| format!("Key stored: {}", shown(path))));
    let verb = match done.wrote {
        Wrote::New => "Wrote",
        Wrote::Changed => "Updated",
        Wrote::Nothing => "Config OK:",
    };
    lines.push(format!("{verb} {}", program.config_path_shown()));
    lines.extend(done.workspace.as_ref().map(|(path, _)| format!("Workspace OK: {}", shown(path))));
    lines.extend(done.sessions.as_deref().map(|path| format!("Sessions OK: {}", shown(path))));
    lines
}

/// Says what becomes of flags about a service.
pub(crate) fn service(args: &Args, in_container: bool) {
    if args.steps.install_daemon {
        let reason = if in_container {
            "a container has no service manager; the container itself is the service"
        } else {
            "this build does not manage services; run `openclaw gateway run` under one"
        };
        ui::warn(format!("no service is installed: {reason}"));
    }
    if args.steps.daemon_runtime.is_some() {
        ui::say("note: --daemon-runtime is ignored; this program needs no runtime");
    }
}

/// Waits for the gateway and asks it how it is.
async fn health(program: &Program) -> Result<(), Failure> {
    let rpc = Rpc::default();
    let began = Instant::now();
    loop {
        match target::ask(program, &rpc, HEALTH_TIMEOUT, "health", json!({})).await {
            Ok(_) => return Ok(()),
            Err(failure) if failure.is_absence && began.elapsed() < GATEWAY_WAIT => {
                sleep(PAUSE).await;
            }
            Err(failure) => {
                return Err(failure
                    .fact("The setup is written; only the gateway does not answer yet.")
                    .hint("start it with `openclaw gateway run`, or pass --skip-health"));
            }
        }
    }
}

fn summary(setup: &Setup, flags: &Flags, done: &Done, args: &Args) -> Value {
    if let Some(Target::Remote { url, token }) = &setup.target {
        let auth = if token.is_some() { "token" } else { "none" };
        return json!({"mode": "remote", "remoteUrl": url, "auth": auth});
    }
    let workspace = done.workspace.as_ref().map(|(path, _)| path.display().to_string());
    let gateway = setup.gateway.as_ref().map(|gateway| {
        json!({
            "port": gateway.port,
            "bind": gateway.bind,
            "authMode": gateway.auth.mode(),
            "tailscaleMode": gateway.tailscale,
        })
    });
    let mut summary = json!({
        "mode": "local",
        "workspace": workspace,
        "authChoice": flags.choice().unwrap_or(onboard::SKIP),
        "gateway": gateway,
        "installDaemon": false,
    });
    if let Some(runtime) = &args.steps.daemon_runtime {
        summary["daemonRuntime"] = json!(runtime);
    }
    summary["skipSkills"] = json!(args.steps.skip_skills);
    summary["skipHealth"] = json!(args.steps.skip_health);
    summary
}
