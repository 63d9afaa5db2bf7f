//! Where log events go: the console by its level and style, the log file as JSON lines.
//!
//! The shape of a line is an interface: `logs.tail` hands lines on as they are, and
//! `openclaw logs` reads `time`, `level`, `subsystem` and `message`. Fields follow, span fields
//! before the event's own. Fields named like a secret are masked, and so is any value that
//! looks like a provider key.
//!
//! A line is one line whatever it says: fields hold names and keys that strangers chose. In JSON they
//! are escaped, in text they are spelled, and both are cut at a length.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{Clock, printable};
use serde_json::{Map, Value};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::{LookupSpan, Scope},
};

use crate::ui::{self, safe};

/// Longest message, in characters. What comes from the network may be of any length.
const MESSAGE_CHARS_MAX: usize = 8 * 1024;
/// Longest value of a field, in characters.
const FIELD_CHARS_MAX: usize = 2 * 1024;

/// Crates of ours; others speak only from `warn` on.
const OURS: [&str; 13] = [
    "agent", "cli", "client", "config", "domain", "gateway", "models", "openclaw", "policy",
    "protocol", "sandbox", "store", "tools",
];

/// Field names whose values are never written.
const SECRET_NAMES: [&str; 6] = ["token", "password", "secret", "authorization", "api_key", "key"];

/// Beginnings of values that are never written.
const SECRET_STARTS: [&str; 5] = ["sk-", "Bearer", "xox", "ghp_", "AIza"];

/// What the console shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Coloured, with the time of day.
    Pretty,
    /// The same without colour and padding.
    Compact,
    /// The lines of the log file.
    Json,
}

/// How to log.
pub(crate) struct Plan<W> {
    pub(crate) console: LevelFilter,
    pub(crate) style: Style,
    pub(crate) file: LevelFilter,
    /// Takes whole lines.
    pub(crate) sink: Option<W>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A level as the config names it.
pub(crate) fn level(name: &str) -> LevelFilter {
    match name {
        "silent" => LevelFilter::OFF,
        "fatal" | "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => LevelFilter::INFO,
    }
}

/// The style of the config, or what suits the terminal.
pub(crate) fn style(name: Option<&str>) -> Style {
    match name {
        Some("json") => Style::Json,
        Some("compact") => Style::Compact,
        Some(_) => Style::Pretty,
        None if ui::is_watched() => Style::Pretty,
        None => Style::Compact,
    }
}

/// Starts to log. A second call in one process changes nothing.
pub(crate) fn start<W: Write + Send + 'static>(plan: Plan<W>) {
    let log = Log {
        console: plan.console,
        style: plan.style,
        file: if plan.sink.is_some() { plan.file } else { LevelFilter::OFF },
        sink: Mutex::new(plan.sink),
        clock: plan.clock,
    };
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log)).ok();
}

struct Log<W> {
    console: LevelFilter,
    style: Style,
    file: LevelFilter,
    sink: Mutex<Option<W>>,
    clock: Arc<dyn Clock>,
}

/// Fields of a span, kept with it.
struct SpanFields(Map<String, Value>);

impl<W> Log<W> {
    fn level_max(&self) -> LevelFilter {
        self.console.max(self.file)
    }
}

impl<S, W> Layer<S> for Log<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Write + Send + 'static,
{
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let ours = OURS.contains(&metadata.target().split("::").next().unwrap_or_default());
        let limit = if ours { self.level_max() } else { self.level_max().min(LevelFilter::WARN) };
        *metadata.level() <= limit
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level_max())
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, cx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = cx.span(id) {
            span.extensions_mut().replace(SpanFields(fields.rest));
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, cx: Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(known) = span.extensions_mut().get_mut::<SpanFields>() {
            known.0.extend(fields.rest);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in cx.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(known) = span.extensions().get::<SpanFields>() {
                fields.rest.extend(known.0.clone());
            }
        }
        event.record(&mut fields);
        let level = *event.metadata().level();
        let line = Line {
            time: self.clock.now().to_iso(),
            level,
            subsystem: event.metadata().target().replace("::", "/"),
            message: fields.message,
            fields: fields.rest,
        };
        if level <= self.file {
            let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(sink) = sink.as_mut() {
                // A log that cannot be written must not stop the work it is about.
                sink.write_all(
                    format!("{}\n", printable::json(line.json().to_string())).as_bytes(),
                )
                .ok();
            }
        }
        if level <= self.console {
            match self.style {
                Style::Json => ui::say(printable::json(line.json().to_string())),
                Style::Pretty => ui::say(line.pretty()),
                Style::Compact => ui::say(line.compact()),
            }
        }
    }
}

struct Line {
    time: String,
    level: Level,
    subsystem: String,
    message: String,
    fields: Map<String, Value>,
}

impl Line {
    fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("time".into(), self.time.as_str().into());
        object.insert("level".into(), self.level.as_str().to_lowercase().into());
        object.insert("subsystem".into(), self.subsystem.as_str().into());
        object.insert("message".into(), self.message.as_str().into());
        for (name, value) in &self.fields {
            object.entry(name.as_str()).or_insert_with(|| value.clone());
        }
        Value::Object(object)
    }

    fn pretty(&self) -> ui::Line {
        let time = self.time.get(11..19).unwrap_or(&self.time);
        let style = match self.level {
            Level::ERROR => ui::ERROR,
            Level::WARN => ui::WARN,
            Level::INFO => ui::SUCCESS,
            Level::DEBUG | Level::TRACE => ui::MUTED,
        };
        let level = format!("{:<5}", self.level.as_str().to_lowercase());
        let head = ui::paint(ui::MUTED, time) + " " + ui::paint(style, level) + " ";
        let message = format!(" {}", safe::record(&self.message));
        head + ui::paint(ui::ACCENT, &self.subsystem) + message + ui::paint(ui::MUTED, self.tail())
    }

    fn compact(&self) -> String {
        let level = self.level.as_str().to_lowercase();
        let message = safe::record(&self.message);
        format!("{} {level} {} {message}{}", self.time, self.subsystem, self.tail())
    }

    fn tail(&self) -> String {
        safe::pairs(&self.fields)
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        let mut value = masked(name, value);
        if let Value::String(text) = &mut value {
            let chars_max = if name == "message" { MESSAGE_CHARS_MAX } else { FIELD_CHARS_MAX };
            if let Cow::Owned(short) = safe::cut(text, chars_max) {
                *text = short;
            }
        }
        if name != "message" {
            self.rest.insert(name.to_owned(), value);
        } else if let Value::String(text) = value {
            self.message = text;
        }
    }
}

fn masked(name: &str, value: Value) -> Value {
    if SECRET_NAMES.contains(&name) {
        return "***".into();
    }
    let Some(text) = value.as_str() else { return value };
    if !SECRET_STARTS.iter().any(|start| text.contains(start)) {
        return value;
    }
    let mut after_bearer = false;
    let words = text.split(' ').map(|word| {
        let secret = after_bearer || looks_secret(word);
        after_bearer = word.ends_with("Bearer");
        if secret { "***" } else { word }
    });
    words.collect::<Vec<_>>().join(" ").into()
}

fn looks_secret(word: &str) -> bool {
    let bare = word.trim_start_matches(['"', '\'', '(', '`']);
    bare.len() > 12 && SECRET_STARTS.iter().any(|start| bare.starts_with(start))
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            write!(text, ": {cause}").ok();
            source = cause.source();
        }
        self.put(field, text.into());
    }
}

#[cfg(test)]
mod tests {
    use domain::UnixMillis;

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[derive(Debug)]
    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> UnixMillis {
            UnixMillis(0)
        }
    }

    fn logged(speak: impl FnOnce()) -> String {
        let sink = Sink::default();
        let log = Log {
            console: LevelFilter::OFF,
            style: Style::Compact,
            file: LevelFilter::DEBUG,
            sink: Mutex::new(Some(sink.clone())),
            clock: Arc::new(Noon),
        };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), speak);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_has_time_level_subsystem_message_and_the_fields_of_its_spans() {
        let text = logged(|| {
            let span = tracing::info_span!(target: "gateway::conn", "conn", conn = "c1");
            let _guard = span.enter();
            tracing::warn!(target: "gateway::conn", bytes = 7, "too slow");
        });

        assert_eq!(
            text,
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warn\",\
             \"subsystem\":\"gateway/conn\",\"message\":\"too slow\",\"conn\":\"c1\",\"bytes\":7}\n"
        );
    }

    #[test]
    fn secrets_are_masked_by_name_and_by_look() {
        let text = logged(|| {
            tracing::info!(target: "cli", token = "hush", "sent Bearer abc sk-abcdefghijklmnop to it");
        });

        assert!(text.contains(r#""message":"sent Bearer *** *** to it","token":"***""#), "{text}");
    }

    #[test]
    fn what_a_stranger_chose_stays_in_its_field() {
        let evil =
            "x\n2026-01-01T00:00:00.000Z error gateway forged\u{1b}]0;t\u{7}\u{9b}1m\u{202e}";
        let long = "y".repeat(FIELD_CHARS_MAX + 5);
        let text = logged(|| tracing::warn!(target: "cli", run = evil, long, "refused {evil}"));
        let line = Line {
            time: "2026-01-01T00:00:00.000Z".to_owned(),
            level: Level::WARN,
            subsystem: "cli".to_owned(),
            message: format!("refused {evil}"),
            fields: [("run".to_owned(), Value::from(evil))].into_iter().collect(),
        };

        for text in [text.trim_end().to_owned(), line.compact()] {
            assert!(!text.contains('\n') && !text.chars().any(printable::is_hidden), "{text}");
        }
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["run"], evil);
        assert!(read["long"].as_str().unwrap().ends_with("y… (5 more)"), "{text}");
    }

    #[test]
    fn other_crates_speak_only_from_warn_on() {
        let text = logged(|| {
            tracing::debug!(target: "hyper::proto", "noise");
            tracing::debug!(target: "gateway", "decision");
        });

        assert!(!text.contains("noise") && text.contains("decision"), "{text}");
    }
}
