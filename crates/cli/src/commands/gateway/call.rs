//! `gateway call`: any method of the gateway, by name.

use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::{
    args::Rpc,
    error::{Failure, Kind},
    program::Program,
    target, ui,
};

const TIMEOUT_MS: u64 = 10_000;

/// Call a method of the gateway
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw gateway call logs.tail --params '{\"limit\": 20}'")]
pub(crate) struct Args {
    /// Method, such as status
    method: String,
    /// Parameters as a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}")]
    params: String,
    /// Print the answer alone
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    rpc: Rpc,
}

pub(crate) async fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let params: Map<String, Value> = serde_json::from_str(&args.params).map_err(|error| {
        Failure::while_doing(Kind::Usage, "--params must be a JSON object", &error)
    })?;
    let patience = args.rpc.patience(TIMEOUT_MS);
    let (client, target) = target::connect(program, &args.rpc, patience).await?;
    let params = Value::Object(params);
    let answer = if args.rpc.expect_final {
        timeout(patience, client.call_expecting_final(&args.method, params)).await
    } else {
        timeout(patience, client.call(&args.method, params)).await
    };
    let answer = answer
        .map_err(|_| target::too_late(&target, patience))?
        .map_err(|error| target::no_result(&target, &error))?;
    if !args.json {
        ui::say(format!("Gateway call: {}", args.method));
    }
    ui::answer_json(&answer);
    Ok(())
}
