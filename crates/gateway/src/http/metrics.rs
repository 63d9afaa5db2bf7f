//! `GET /api/diagnostics/prometheus`: counters, and what can be read off right now.

use std::time::Duration;

use axum::{
    http::{StatusCode, header},
    response::IntoResponse as _,
};
use policy::scope::Role;
use tokio::time::timeout;

use super::reply::Reply;
use crate::{
    app::VERSION,
    metrics::{Page, whole},
    state::Gateway,
};

/// The form of the text.
const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long an engine may take to say which sandboxes run.
const ENGINE_PATIENCE: Duration = Duration::from_secs(2);

/// Answers someone who was let in.
pub(crate) async fn answer(gateway: &Gateway) -> Reply {
    let mut page = Page::default();
    page.head("openclaw_info", "gauge", "The version that runs.");
    page.line("openclaw_info", &[("version", VERSION)], 1.0);
    let uptime = whole(gateway.uptime_ms()) / 1000.0;
    page.gauge("openclaw_uptime_seconds", "How long the gateway runs.", uptime);
    gateway.metrics.write(&mut page);
    let running = gateway.sessions.running().len();
    page.gauge("openclaw_turns_running", "Turns that run now.", count(running));
    connections(gateway, &mut page);
    sandboxes(gateway, &mut page).await;
    process(&mut page);
    (StatusCode::OK, [(header::CONTENT_TYPE, KIND)], page.into_text()).into_response()
}

fn connections(gateway: &Gateway, page: &mut Page) {
    let name = "openclaw_connections";
    page.head(name, "gauge", "Clients that are connected by WebSocket, by role.");
    let callers = gateway.events.callers();
    for role in [Role::Operator, Role::Node] {
        let those = callers.iter().filter(|caller| caller.principal.role == role).count();
        page.line(name, &[("role", role.as_str())], count(those));
    }
}

/// Left out when no engine answers.
async fn sandboxes(gateway: &Gateway, page: &mut Page) {
    let config = gateway.config();
    let listed = agent::sandboxes::list(&config, &gateway.sandboxes);
    let Ok(Ok(rows)) = timeout(ENGINE_PATIENCE, listed).await else { return };
    let running = rows.iter().filter(|row| row.running).count();
    let name = "openclaw_sandboxes";
    page.head(name, "gauge", "Sandboxes, by state.");
    page.line(name, &[("state", "running")], count(running));
    page.line(name, &[("state", "stopped")], count(rows.len() - running));
}

/// Left out where the system does not tell.
fn process(page: &mut Page) {
    let Some(usage) = store::process_usage() else { return };
    let help = "Memory of the process that is in use.";
    page.gauge("process_resident_memory_bytes", help, whole(usage.resident_bytes));
    let name = "process_cpu_seconds_total";
    page.head(name, "counter", "Processor time that the process used.");
    page.line(name, &[], usage.cpu.as_secs_f64());
}

fn count(number: usize) -> f64 {
    whole(u64::try_from(number).unwrap_or(u64::MAX))
}
