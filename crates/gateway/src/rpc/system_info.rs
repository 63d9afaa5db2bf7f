//! `system.info`: the machine that the gateway runs on, as its administrators may know it.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

pub(super) struct SystemInfo;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    machine_name: String,
    hostname: String,
    platform: &'static str,
    release: String,
    arch: String,
    os_label: String,
    /// There is no Node here; clients show what is written.
    node_version: &'static str,
    pid: u32,
    process_instance_id: String,
    uptime_ms: u64,
    cpu_count: usize,
    load_average: [f64; 3],
    memory_total_bytes: u64,
    memory_free_bytes: u64,
}

impl Method for SystemInfo {
    const NAME: &'static str = "system.info";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _: Params) -> Result<Reply, RpcError> {
        let identity = &cx.gateway.identity;
        let system = rustix::system::uname();
        let facts = rustix::system::sysinfo();
        let unit = u64::from(facts.mem_unit.max(1));
        let release = system.release().to_string_lossy().into_owned();
        Ok(Reply {
            machine_name: identity.host.clone(),
            hostname: identity.host.clone(),
            platform: std::env::consts::OS,
            os_label: format!("{} {release}", system.sysname().to_string_lossy()),
            release,
            arch: system.machine().to_string_lossy().into_owned(),
            node_version: "none",
            pid: std::process::id(),
            process_instance_id: identity.boot_id.clone(),
            uptime_ms: cx.gateway.uptime_ms(),
            cpu_count: std::thread::available_parallelism().map_or(1, usize::from),
            load_average: facts.loads.map(load),
            memory_total_bytes: facts.totalram.saturating_mul(unit),
            memory_free_bytes: facts.freeram.saturating_mul(unit),
        })
    }
}

/// The kernel counts in 65,536ths.
fn load(fixed: u64) -> f64 {
    let hundredths = fixed.saturating_mul(100) >> 16;
    u32::try_from(hundredths).map_or(f64::MAX, f64::from) / 100.0
}
