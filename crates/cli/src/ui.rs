//! The only place that prints. Answers go to stdout, talk goes to stderr.
//!
//! What is printed is a [`Line`] or a [`Page`], whose text is foreign until it is written: it passes
//! [`safe`] here, at the stream, and nowhere else. The streams of the standard library and of
//! `anstream` cannot be had elsewhere in this program (clippy's `disallowed-methods`).
//!
//! Colour is a matter of the streams: `anstream` strips it when nobody wants it. A reader that
//! went away (`openclaw … | head`) ends nothing but the printing.

#![expect(clippy::disallowed_methods, reason = "the filter stands here, before the streams")]

mod line;
pub(crate) mod safe;

use std::io::{IsTerminal, Write};

use anstream::ColorChoice;
use anstyle::{AnsiColor, RgbColor, Style};
use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use config::Env;
use domain::printable;
pub(crate) use line::{Line, Page, paint};
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
const ROWS_DEFAULT: u16 = 24;
/// Longest text of a table's cell, in characters.
const CELL_CHARS_MAX: usize = 1000;
/// What stands before the second and later lines of one message of ours.
const CONTINUED: &str = "    ";

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

/// The answer, or a line of it.
pub(crate) fn answer(page: impl Into<Page>) {
    // A closed pipe is the reader's choice, and there is nobody left to tell.
    write!(anstream::stdout(), "{}", page.into().render()).ok();
}

/// A script of ours that a shell is to read: as it is.
pub(crate) fn answer_script(script: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(script).and_then(|()| stdout.flush()).ok();
}

/// The answer for scripts: pretty, two spaces.
pub(crate) fn answer_json(value: &Value) {
    answer_script(printable::json(format!("{value:#}\n")).as_bytes());
}

/// One JSON document on one line.
pub(crate) fn answer_json_line(value: &Value) {
    answer_script(printable::json(format!("{value}\n")).as_bytes());
}

/// A line of talk, or several.
pub(crate) fn say(page: impl Into<Page>) {
    write!(anstream::stderr(), "{}", page.into().render()).ok();
}

/// Replaces the last `count` lines of talk by others.
pub(crate) fn redraw(count: usize, page: &Page) {
    let mut raw = std::io::stderr().lock();
    if count > 0 {
        // Where the cursor goes is no matter of colour, so it is not `anstream`'s to take out.
        write!(raw, "\x1b[{count}F\x1b[J").ok();
    }
    drop(raw);
    let mut talk = anstream::stderr();
    write!(talk, "{}", page.render()).and_then(|()| talk.flush()).ok();
}

/// The width of the terminal that talk goes to.
pub(crate) fn columns_of_talk() -> usize {
    let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map(|size| size.ws_col);
    usize::from(columns.ok().filter(|columns| *columns > 0).unwrap_or(COLUMNS_DEFAULT))
}

/// The height of the terminal that talk goes to.
pub(crate) fn rows_of_talk() -> usize {
    let rows = rustix::termios::tcgetwinsize(std::io::stderr()).map(|size| size.ws_row);
    usize::from(rows.ok().filter(|rows| *rows > 0).unwrap_or(ROWS_DEFAULT))
}

/// A hint: best a command that can be pasted.
pub(crate) fn hint(text: impl AsRef<str>) {
    say_as(paint(HINT, "hint:"), text.as_ref());
}

/// Something is not as it should be, but the command goes on.
pub(crate) fn warn(text: impl AsRef<str>) {
    say_as(paint(WARN, "warning:"), text.as_ref());
}

/// Why the command failed.
pub(crate) fn fail(failure: &Failure) {
    say_as(paint(ERROR, "error:"), &failure.message);
    for cause in &failure.causes {
        say_as(paint(ERROR, "caused by:"), cause);
    }
    for fact in &failure.facts {
        say(fact);
    }
    if let Some(text) = &failure.hint {
        hint(text);
    }
}

/// A message after a word of ours. Its further lines are indented, so that none looks like another
/// message.
fn say_as(word: Line, text: &str) {
    let mut lines = text.lines();
    let first = word + " " + lines.next().unwrap_or_default();
    let more = lines.map(|line| Line::from(CONTINUED) + line);
    say(std::iter::once(first).chain(more).collect::<Page>());
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

/// Whether a person reads stdout.
pub(crate) fn is_shown() -> bool {
    std::io::stdout().is_terminal()
}

/// Makes a panic's message pass the filter, too: it may quote what a stranger sent.
pub(crate) fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        let place = panic.location().map(|it| format!(" at {}:{}", it.file(), it.line()));
        let text = panic.payload_as_str().unwrap_or("a value that is no text");
        say_as(
            paint(ERROR, "panic:"),
            &format!("thread {name}{}: {text}", place.unwrap_or_default()),
        );
    }));
}

/// A table with borders, as wide as the terminal allows.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>) -> Page {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(columns().saturating_sub(1).max(COLUMNS_MIN))
        .set_header(head.iter().copied());
    // Filtered here, too: columns are as wide as what is shown.
    let cell = |text: String| safe::line(&safe::cut(&text, CELL_CHARS_MAX));
    table.add_rows(rows.into_iter().map(|row| row.into_iter().map(cell).collect::<Vec<_>>()));
    Page::prose(&table.to_string())
}

fn columns() -> u16 {
    rustix::termios::tcgetwinsize(std::io::stdout())
        .map(|size| size.ws_col)
        .ok()
        .filter(|columns| *columns > 0)
        .unwrap_or(COLUMNS_DEFAULT)
}
