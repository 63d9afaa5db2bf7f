//! The screen: header, log, question, status, input, footer, and lists over them.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Position, Rect},
    style::{Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Clear, Paragraph},
};
use unicode_width::UnicodeWidthStr as _;

use super::{
    markdown,
    paint::{Look, Theme},
    picker::Picker,
    question::Question,
    slash,
    state::{Link, State},
};
use crate::text;

const INPUT_LINES_MAX: usize = 8;
const COMPLETIONS_MAX: usize = 6;
/// Lines of the screen that a question leaves to everything else.
const REST_LINES: u16 = 8;

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &mut State, theme: Theme) {
    let area = frame.area();
    let typed = typed(state, usize::from(area.width));
    let question = state.questions.front().map(|it| question(it, area, theme)).unwrap_or_default();
    let [head, log, asked, status, input, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(height(question.len())),
        Constraint::Length(1),
        Constraint::Length(height(typed.lines.len())),
        Constraint::Length(1),
    ])
    .areas(area);

    frame.render_widget(header(state, theme), head);
    let look = Look { width: log.width, theme, unfolded: state.unfolded };
    let lines = state.log.visible(look, usize::from(log.height));
    frame.render_widget(Paragraph::new(lines), log);
    frame.render_widget(Paragraph::new(question), asked);
    frame.render_widget(status_line(state, theme), status);
    frame.render_widget(Paragraph::new(typed.lines), input);
    frame.render_widget(footer(state), foot);
    if let Some(picker) = &state.picker {
        list(frame, picker, log, theme);
    } else {
        completions(frame, state, log, theme);
        let cursor = Position::new(input.x + typed.cursor.0, input.y + typed.cursor.1);
        frame.set_cursor_position(cursor);
    }
}

fn height(lines: usize) -> u16 {
    u16::try_from(lines).unwrap_or(u16::MAX)
}

fn header(state: &State, theme: Theme) -> Line<'static> {
    Line::from(vec![
        Span::styled("openclaw ", theme.heading()),
        Span::styled(state.options.url.clone(), Theme::muted()),
        Span::raw("  "),
        Span::raw(state.session.key.clone()),
    ])
}

fn status_line(state: &State, theme: Theme) -> Line<'static> {
    let mut spans = vec![match (&state.link, &state.notice) {
        (Link::Open, _) => Span::styled("● connected", theme.success()),
        (Link::Connecting, _) => Span::styled("○ connecting", theme.warning()),
        // The word to the person must have room.
        (Link::Lost { .. }, Some(_)) => Span::styled("○ no connection", theme.error()),
        (Link::Lost { why }, None) => {
            Span::styled(format!("○ no connection: {why}"), theme.error())
        }
    }];
    let running = state.turns.values().min_by_key(|turn| turn.started_ms);
    spans.push(match running {
        Some(turn) => {
            let took = u64::try_from(state.now_ms - turn.started_ms).unwrap_or(0);
            let tokens = match turn.output_tokens {
                0 => String::new(),
                count => format!(" · {} tokens", text::thousands(count)),
            };
            let phase = format!(" · {} {}{tokens} · Esc stops", turn.phase, text::span(took));
            Span::styled(phase, theme.warning())
        }
        None => Span::styled(" · idle", Theme::muted()),
    });
    if state.runs_command() {
        spans.push(Span::styled(" · your command runs · Esc ends it", theme.warning()));
    }
    if state.log.is_scrolled() {
        spans.push(Span::styled(" · more below (Ctrl+End)", theme.accent()));
    }
    if let Some(notice) = &state.notice {
        spans.push(Span::styled(format!(" · {notice}"), theme.warning()));
    }
    Line::from(spans)
}

fn footer(state: &State) -> Line<'static> {
    let session = &state.session;
    let mut parts = vec![format!("agent {}", session.agent())];
    let named =
        [("", &session.model), ("think ", &session.thinking), ("verbose ", &session.verbose)];
    for (name, value) in named {
        if !value.is_empty() {
            parts.push(format!("{name}{value}"));
        }
    }
    if let Some((used, all)) = session.tokens {
        parts.push(format!("tokens {}/{}", text::thousands(used), text::thousands(all)));
    }
    if state.options.deliver {
        parts.push("deliver on".to_owned());
    }
    parts.push("/help".to_owned());
    Line::styled(parts.join(" · "), Theme::muted())
}

/// The input as it is shown.
struct Shown {
    lines: Vec<Line<'static>>,
    /// Column and line.
    cursor: (u16, u16),
}

/// Cuts the input into lines of the screen, and shows those around the cursor.
fn typed(state: &State, width: usize) -> Shown {
    let columns = width.saturating_sub(3).max(1);
    let (mut lines, mut cursor) = (vec![String::new()], (0, 0));
    let before = state.input.before().len();
    let mut used = 0;
    for (at, char) in state.input.text().char_indices() {
        let wide = unicode_width::UnicodeWidthChar::width(char).unwrap_or(0);
        if char != '\n' && used + wide > columns {
            lines.push(String::new());
            used = 0;
        }
        if at == before {
            cursor = (used, lines.len() - 1);
        }
        if char == '\n' {
            lines.push(String::new());
            used = 0;
        } else if let Some(line) = lines.last_mut() {
            line.push(char);
            used += wide;
        }
    }
    if before == state.input.text().len() {
        cursor = (used, lines.len() - 1);
    }
    let first = (cursor.1 + 1).saturating_sub(INPUT_LINES_MAX);
    let shown = lines.into_iter().enumerate().skip(first).take(INPUT_LINES_MAX);
    let lines =
        shown.map(|(n, line)| Line::from(format!("{} {line}", if n == 0 { ">" } else { " " })));
    Shown { lines: lines.collect(), cursor: (height(cursor.0 + 2), height(cursor.1 - first)) }
}

/// What is asked, its command in full if there is room.
fn question(question: &Question, area: Rect, theme: Theme) -> Vec<Line<'static>> {
    let width = usize::from(area.width);
    let mut command = markdown::plain(&question.command, theme.code(), width);
    let room = usize::from(area.height.saturating_sub(REST_LINES)).max(2);
    if command.len() > room {
        let hidden = command.len() - (room - 1);
        command.truncate(room - 1);
        let cut = format!("{hidden} more lines are not shown here");
        command.push(Line::styled(cut, theme.error()));
    }
    let mut lines = vec![Line::styled(
        format!("May this run? {}", question.about),
        theme.warning().add_modifier(Modifier::BOLD),
    )];
    lines.append(&mut command);
    lines.push(Line::styled("y once · a always · n no (with Alt while you type)", theme.warning()));
    lines
}

/// A box at the foot of the log.
fn popup(frame: &mut Frame<'_>, log: Rect, lines: usize) -> Rect {
    let height = height(lines).min(log.height);
    let area = Rect { y: log.y + log.height - height, height, ..log };
    frame.render_widget(Clear, area);
    area
}

fn completions(frame: &mut Frame<'_>, state: &State, log: Rect, theme: Theme) {
    let fitting = slash::completions(state.input.text());
    if fitting.is_empty() {
        return;
    }
    let lines: Vec<Line<'static>> = fitting
        .into_iter()
        .take(COMPLETIONS_MAX)
        .map(|(text, about)| {
            let pad = " ".repeat(18_usize.saturating_sub(text.width()));
            let name = Span::styled(format!("  {text}{pad}"), theme.accent());
            Line::from(vec![name, Span::styled(about, Theme::muted())])
        })
        .collect();
    let area = popup(frame, log, lines.len());
    frame.render_widget(Paragraph::new(lines), area);
}

fn list(frame: &mut Frame<'_>, picker: &Picker, log: Rect, theme: Theme) {
    let area = popup(frame, log, usize::from(log.height).min(16));
    let title = format!(" {}: {}▏", picker.title(), picker.filter);
    let block = Block::bordered().title(title).title_bottom(" Enter chooses · Esc closes ");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let rows = usize::from(inner.height).max(1);
    let at = picker.at();
    let first = (at + 1).saturating_sub(rows);
    let fitting = picker.fitting();
    let lines: Vec<Line<'static>> = fitting
        .iter()
        .enumerate()
        .skip(first)
        .take(rows)
        .map(|(n, choice)| {
            let is_marked = n == at;
            let mark = if is_marked { "› " } else { "  " };
            let style = if is_marked { theme.heading() } else { Style::new() };
            Line::styled(format!("{mark}{}", choice.label), style)
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), inner);
}

#[cfg(test)]
mod tests;
