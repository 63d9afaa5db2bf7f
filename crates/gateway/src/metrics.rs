//! What the gateway counts: turns, tool calls, model requests, tokens. Numbers only, no names of
//! people, conversations or models.
//!
//! The counters go up with the agent's events and start from nothing with the process.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use agent::{Event, EventBody, Stop};

/// Tools that are told apart. A model may make names up; those past this count as `other`.
const TOOLS_MAX: usize = 64;

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    turns_done: AtomicU64,
    turns_aborted: AtomicU64,
    turns_failed: AtomicU64,
    requests: AtomicU64,
    tokens: [AtomicU64; 4],
    calls: Mutex<BTreeMap<String, Calls>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Calls {
    succeeded: u64,
    failed: u64,
    took_ms: u64,
}

/// Kinds of tokens, in the order of the counters.
const TOKENS: [&str; 4] = ["input", "output", "cache_read", "cache_write"];

impl Metrics {
    /// Counts what happened.
    pub(crate) fn count(&self, event: &Event) {
        let add = |counter: &AtomicU64, by: u64| counter.fetch_add(by, Ordering::Relaxed);
        match &event.body {
            EventBody::Ended(outcome) => {
                let counter = match &outcome.stop {
                    Stop::Done => &self.turns_done,
                    Stop::Aborted { .. } => &self.turns_aborted,
                    Stop::Failed { .. } => &self.turns_failed,
                };
                add(counter, 1);
            }
            EventBody::Usage(usage) => {
                add(&self.requests, 1);
                let kinds = [usage.input, usage.output, usage.cache_read, usage.cache_write];
                for (counter, tokens) in self.tokens.iter().zip(kinds) {
                    add(counter, tokens);
                }
            }
            EventBody::CallEnded(end) => {
                let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
                let is_new = !calls.contains_key(&end.name);
                let name = if is_new && calls.len() >= TOOLS_MAX { "other" } else { &end.name };
                let calls = calls.entry(name.to_owned()).or_default();
                if end.result.is_error {
                    calls.failed += 1;
                } else {
                    calls.succeeded += 1;
                }
                calls.took_ms += end.took_ms;
            }
            EventBody::Started
            | EventBody::Model { .. }
            | EventBody::Text { .. }
            | EventBody::Thinking { .. }
            | EventBody::CallStarted { .. }
            | EventBody::CallProgress { .. }
            | EventBody::Compaction { .. } => {}
        }
    }

    /// Writes the counters down.
    pub(crate) fn write(&self, page: &mut Page) {
        let get = |counter: &AtomicU64| whole(counter.load(Ordering::Relaxed));
        page.head("openclaw_turns_total", "counter", "Turns that ended, by outcome.");
        for (outcome, counter) in [
            ("done", &self.turns_done),
            ("aborted", &self.turns_aborted),
            ("failed", &self.turns_failed),
        ] {
            page.line("openclaw_turns_total", &[("outcome", outcome)], get(counter));
        }
        page.head("openclaw_model_requests_total", "counter", "Model requests that were answered.");
        page.line("openclaw_model_requests_total", &[], get(&self.requests));
        page.head("openclaw_model_tokens_total", "counter", "Tokens, by kind.");
        for (kind, counter) in TOKENS.iter().zip(&self.tokens) {
            page.line("openclaw_model_tokens_total", &[("kind", kind)], get(counter));
        }
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        page.head("openclaw_tool_calls_total", "counter", "Tool calls, by tool and outcome.");
        for (tool, calls) in &calls {
            for (outcome, count) in [("succeeded", calls.succeeded), ("failed", calls.failed)] {
                let labels = [("tool", &**tool), ("outcome", outcome)];
                page.line("openclaw_tool_calls_total", &labels, whole(count));
            }
        }
        let name = "openclaw_tool_call_seconds_total";
        page.head(name, "counter", "Time that tool calls took, by tool.");
        for (tool, calls) in &calls {
            page.line(name, &[("tool", tool)], whole(calls.took_ms) / 1000.0);
        }
    }
}

/// A count as Prometheus has all numbers.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, which no counter reaches")]
pub(crate) fn whole(count: u64) -> f64 {
    count as f64
}

/// Prometheus' text format, version 0.0.4.
#[derive(Debug, Default)]
pub(crate) struct Page(String);

impl Page {
    /// Begins a metric.
    pub(crate) fn head(&mut self, name: &str, kind: &str, help: &str) {
        for part in ["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"] {
            self.0.push_str(part);
        }
    }

    /// Adds a value.
    pub(crate) fn line(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            self.0.push(if at == 0 { '{' } else { ',' });
            self.0.push_str(label);
            self.0.push_str("=\"");
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            self.0.push_str(&text);
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        self.0.push(' ');
        self.0.push_str(&value.to_string());
        self.0.push('\n');
    }

    /// A metric of one value.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, "gauge", help);
        self.line(name, &[], value);
    }

    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_labels_are_written_as_prometheus_reads_them() {
        let mut page = Page::default();

        page.head("a_total", "counter", "All.");
        page.line("a_total", &[("tool", "x\"\\\n"), ("outcome", "failed")], 3.0);
        page.gauge("b", "One.", 0.5);

        assert_eq!(
            page.into_text(),
            "# HELP a_total All.\n# TYPE a_total counter\n\
             a_total{tool=\"x\\\"\\\\\\n\",outcome=\"failed\"} 3\n\
             # HELP b One.\n# TYPE b gauge\nb 0.5\n"
        );
    }
}
