//! The only place that prints. Answers go to stdout, talk goes to stderr.
//!
//! Colour is a matter of the streams: `anstream` strips it when nobody wants it. A reader that
//! went away (`openclaw … | head`) ends nothing but the printing.

use std::io::{IsTerminal, Write};

use anstream::ColorChoice;
use anstyle::{AnsiColor, RgbColor, Style};
use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use config::Env;
use serde_json::{Value, json};

use crate::error::Failure;

pub(crate) const ACCENT: Style = rgb(0xFF, 0x5A, 0x2D);
pub(crate) const SUCCESS: Style = rgb(0x2F, 0xBF, 0x71);
pub(crate) const WARN: Style = rgb(0xFF, 0xB0, 0x20);
pub(crate) const ERROR: Style = rgb(0xE2, 0x3D, 0x2D);
pub(crate) const MUTED: Style = rgb(0x8B, 0x7F, 0x77);
const HINT: Style = AnsiColor::Cyan.on_default();

/// Width of tables when nobody knows the terminal's.
const COLUMNS_DEFAULT: u16 = 120;
const COLUMNS_MIN: u16 = 60;

const fn rgb(red: u8, green: u8, blue: u8) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Rgb(RgbColor(red, green, blue))))
}

/// Decides about colour for the whole program: the flag, then `FORCE_COLOR`; `NO_COLOR` and
/// the terminal are `anstream`'s to see.
pub(crate) fn choose_colour(no_color: bool, env: &Env) {
    let forced = env.get("FORCE_COLOR").is_some_and(|value| value != "0");
    if no_color || env.get("NO_COLOR").is_some() {
        ColorChoice::Never.write_global();
    } else if forced {
        ColorChoice::AlwaysAnsi.write_global();
    }
}

/// Whether colour was not refused.
pub(crate) fn is_coloured() -> bool {
    ColorChoice::global() != ColorChoice::Never
}

/// `text` in `style`; the streams take the colour out where it does not belong.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// A line of the answer.
pub(crate) fn answer(text: impl AsRef<str>) {
    // A closed pipe is the reader's choice, and there is nobody left to tell.
    writeln!(anstream::stdout(), "{}", text.as_ref()).ok();
}

/// Text of the answer as it is, without a line break.
pub(crate) fn answer_raw(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).ok();
}

/// The answer for scripts: pretty, two spaces.
pub(crate) fn answer_json(value: &Value) {
    answer_raw(format!("{value:#}\n").as_bytes());
}

/// One JSON document on one line.
pub(crate) fn answer_json_line(value: &Value) {
    answer_raw(format!("{value}\n").as_bytes());
}

/// A line of talk.
pub(crate) fn say(text: impl AsRef<str>) {
    writeln!(anstream::stderr(), "{}", text.as_ref()).ok();
}

/// Replaces the last `count` lines of talk by `text`, which ends its own lines.
pub(crate) fn redraw(count: usize, text: &str) {
    let mut raw = std::io::stderr().lock();
    if count > 0 {
        // Where the cursor goes is no matter of colour, so it is not `anstream`'s to take out.
        write!(raw, "\x1b[{count}F\x1b[J").ok();
    }
    drop(raw);
    let mut talk = anstream::stderr();
    write!(talk, "{text}").and_then(|()| talk.flush()).ok();
}

/// The width of the terminal that talk goes to.
pub(crate) fn columns_of_talk() -> usize {
    let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map(|size| size.ws_col);
    usize::from(columns.ok().filter(|columns| *columns > 0).unwrap_or(COLUMNS_DEFAULT))
}

/// A hint: best a command that can be pasted.
pub(crate) fn hint(text: impl AsRef<str>) {
    say(format!("{HINT}hint:{HINT:#} {}", text.as_ref()));
}

/// Something is not as it should be, but the command goes on.
pub(crate) fn warn(text: impl AsRef<str>) {
    say(format!("{WARN}warning:{WARN:#} {}", text.as_ref()));
}

/// Why the command failed.
pub(crate) fn fail(failure: &Failure) {
    say(format!("{ERROR}error:{ERROR:#} {}", failure.message));
    for cause in &failure.causes {
        say(format!("{ERROR}caused by:{ERROR:#} {cause}"));
    }
    for fact in &failure.facts {
        say(fact);
    }
    if let Some(text) = &failure.hint {
        hint(text);
    }
}

/// Why the command failed, for scripts.
pub(crate) fn fail_json(failure: &Failure) {
    answer_json(&json!({
        "ok": false,
        "error": { "type": failure.kind.as_str(), "message": failure.message },
    }));
}

/// Whether a person reads stderr.
pub(crate) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// A table with borders, as wide as the terminal allows.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(columns().saturating_sub(1).max(COLUMNS_MIN))
        .set_header(head.iter().copied());
    table.add_rows(rows);
    table.to_string()
}

fn columns() -> u16 {
    rustix::termios::tcgetwinsize(std::io::stdout())
        .map(|size| size.ws_col)
        .ok()
        .filter(|columns| *columns > 0)
        .unwrap_or(COLUMNS_DEFAULT)
}
