//! `devices`: which devices a gateway lets in, and those that wait to be.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    args,
    asking::Asking,
    consent,
    error::{Failure, Kind},
    program::Program,
    ui, wait_for,
};

mod show;

/// A gateway may take this many milliseconds.
type Common = Asking<10_000>;

/// Let devices in, take their tokens back, send them away
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw devices approve")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List devices, and requests that wait
    List(Common),
    /// Let the device of a request in; without an id, show who waits
    Approve {
        /// Which request
        request_id: Option<String>,
        /// Show the newest request
        #[arg(long, conflicts_with = "request_id")]
        latest: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Turn a request down
    Reject {
        /// Which request
        request_id: String,
        #[command(flatten)]
        common: Common,
    },
    /// Forget a device; it has to be approved anew
    Remove {
        /// Which device
        device_id: String,
        #[command(flatten)]
        common: Common,
    },
    /// Forget all devices
    Clear {
        /// Turn all requests down, too
        #[arg(long)]
        pending: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Put a new token in the place of a device's old one
    Rotate {
        #[command(flatten)]
        token: Token,
        /// What the new one may do; may be given more than once
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Take a device's token back
    Revoke {
        #[command(flatten)]
        token: Token,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, clap::Args)]
struct Token {
    /// Which device
    #[arg(long, value_name = "ID")]
    device: String,
    /// Which of its tokens
    #[arg(long, value_name = "ROLE")]
    role: String,
}

impl Args {
    /// Whether the answer is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        match &self.verb {
            Some(
                Verb::List(common)
                | Verb::Approve { common, .. }
                | Verb::Reject { common, .. }
                | Verb::Remove { common, .. }
                | Verb::Clear { common, .. },
            ) => common.json,
            Some(Verb::Rotate { .. } | Verb::Revoke { .. }) => true,
            None => false,
        }
    }
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let Some(verb) = &args.verb else {
        return Err(args::no_verb("devices", "openclaw devices list"));
    };
    wait_for(carry_out(program, verb))
}

async fn carry_out(program: &Program, verb: &Verb) -> Result<(), Failure> {
    let now_ms = program.clock.now().0;
    match verb {
        Verb::List(common) => {
            let list = common.ask(program, "device.pair.list", json!({})).await?;
            common.tell(&list, || show::list(&list, now_ms));
        }
        Verb::Approve { request_id: Some(id), common, .. } => {
            let answer = by_request(program, common, "device.pair.approve", id).await?;
            common.tell(&answer, || format!("Approved {}.", show::name(&answer["device"])));
        }
        Verb::Approve { request_id: None, latest, common } => {
            let list = common.ask(program, "device.pair.list", json!({})).await?;
            who_waits(common, &list, *latest, now_ms);
        }
        Verb::Reject { request_id, common } => {
            let answer = by_request(program, common, "device.pair.reject", request_id).await?;
            common.tell(&answer, || format!("Rejected {}.", show::name(&answer)));
        }
        Verb::Remove { device_id, common } => {
            let params = json!({ "deviceId": device_id });
            let answer = common.ask(program, "device.pair.remove", params).await?;
            common.tell(&answer, || format!("Removed {}.", show::name(&answer)));
        }
        Verb::Clear { pending, yes, common } => {
            clear(program, common, *pending, *yes).await?;
        }
        Verb::Rotate { token, scope, common } => {
            let mut params = json!({ "deviceId": token.device, "role": token.role });
            if !scope.is_empty() {
                params["scopes"] = scope.clone().into();
            }
            ui::answer_json(&common.ask(program, "device.token.rotate", params).await?);
        }
        Verb::Revoke { token, common } => {
            let params = json!({ "deviceId": token.device, "role": token.role });
            ui::answer_json(&common.ask(program, "device.token.revoke", params).await?);
        }
    }
    Ok(())
}

/// Shows the requests that wait and how to approve the newest. Nothing is approved unread.
fn who_waits(common: &Common, list: &Value, latest: bool, now_ms: i64) {
    let all = list["pending"].as_array().map_or(&[][..], Vec::as_slice);
    let shown = if latest { all.get(..1).unwrap_or_default() } else { all };
    common.tell(&json!({ "pending": shown }), || show::pending(shown, now_ms));
    if let Some(id) = shown.first().and_then(|it| it["requestId"].as_str()) {
        ui::hint(format!("openclaw devices approve {id}"));
    }
}

async fn clear(
    program: &Program,
    common: &Common,
    with_pending: bool,
    yes: bool,
) -> Result<(), Failure> {
    let list = common.ask(program, "device.pair.list", json!({})).await?;
    let ids = |key: &str, id: &str| -> Vec<String> {
        let rows = list[key].as_array().into_iter().flatten();
        rows.filter_map(|row| row[id].as_str().map(str::to_owned)).collect()
    };
    let devices = ids("paired", "deviceId");
    let requests = if with_pending { ids("pending", "requestId") } else { Vec::new() };
    let question = format!("Forget {} devices?", devices.len());
    if !yes && !consent::is_anybody_there() {
        let message = "nobody can be asked whether all devices are to be forgotten";
        return Err(Failure::new(Kind::Usage, message).hint("openclaw devices clear --yes"));
    }
    if !yes && !consent::is_given(&question)? {
        return Ok(());
    }
    for id in &requests {
        by_request(program, common, "device.pair.reject", id).await?;
    }
    for id in &devices {
        common.ask(program, "device.pair.remove", json!({ "deviceId": id })).await?;
    }
    let answer = json!({ "removed": devices, "rejected": requests });
    common.tell(&answer, || format!("Removed {} devices.", devices.len()));
    Ok(())
}

async fn by_request(
    program: &Program,
    common: &Common,
    method: &str,
    id: &str,
) -> Result<Value, Failure> {
    common.ask(program, method, json!({ "requestId": id })).await
}
