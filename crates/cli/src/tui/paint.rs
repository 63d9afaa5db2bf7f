//! How one row looks: colours, and its lines for a width.

use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span},
};

use super::{
    markdown,
    row::{Piece, Row, Status, Tool},
};

/// Lines of a running tool's output that a folded card shows.
const LIVE_LINES_MAX: usize = 5;
/// Lines of what the person's own command says.
const SHELL_LINES_MAX: usize = 30;

/// Colours, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Theme {
    /// Whether colours may be used.
    pub(crate) is_coloured: bool,
}

/// What decides how rows are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) width: u16,
    pub(crate) theme: Theme,
    pub(crate) unfolded: Unfolded,
}

/// What is shown in full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unfolded {
    /// Arguments and output of tools.
    pub(crate) tools: bool,
    pub(crate) thinking: bool,
}

impl Theme {
    /// Without colour.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { is_coloured: false };

    pub(crate) fn accent(self) -> Style {
        self.coloured(Color::Rgb(0xFF, 0x5A, 0x2D))
    }

    pub(crate) fn success(self) -> Style {
        self.coloured(Color::Rgb(0x2F, 0xBF, 0x71))
    }

    pub(crate) fn warning(self) -> Style {
        self.coloured(Color::Rgb(0xFF, 0xB0, 0x20))
    }

    pub(crate) fn error(self) -> Style {
        self.coloured(Color::Rgb(0xE2, 0x3D, 0x2D))
    }

    pub(crate) fn code(self) -> Style {
        self.coloured(Color::Cyan)
    }

    pub(crate) fn muted() -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(crate) fn bold() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn heading(self) -> Style {
        self.accent().add_modifier(Modifier::BOLD)
    }

    fn coloured(self, color: Color) -> Style {
        if self.is_coloured { Style::new().fg(color) } else { Style::new() }
    }
}

/// The lines of a row. A row that begins something has an empty line above it.
pub(crate) fn lay(row: &Row, look: Look) -> Vec<Line<'static>> {
    let theme = look.theme;
    let width = usize::from(look.width).saturating_sub(2).max(4);
    match row {
        Row::User(piece) => {
            let body = markdown::plain(&piece.text, Theme::bold(), width);
            block(piece.is_first, ("› ", theme.accent()), body)
        }
        Row::Reply(piece) => {
            let Piece { text, is_first, is_in_code } = piece;
            block(*is_first, ("  ", Theme::muted()), markdown::lay(text, *is_in_code, width, theme))
        }
        Row::Thinking(text) if look.unfolded.thinking => {
            let body = markdown::plain(text.trim(), Theme::muted(), width);
            block(true, ("~ ", Theme::muted()), body)
        }
        Row::Thinking(text) => {
            let lines = text.trim().lines().count();
            let fold = format!("thinking ({lines} lines, Ctrl+T shows it)");
            block(true, ("~ ", Theme::muted()), markdown::plain(&fold, Theme::muted(), width))
        }
        Row::Tool(tool) => {
            let lines_max = if tool.status == Status::Done { 0 } else { LIVE_LINES_MAX };
            card(tool, look, width, lines_max)
        }
        Row::Shell(tool) => card(tool, look, width, SHELL_LINES_MAX),
        Row::Error(text) => {
            block(true, ("! ", theme.error()), markdown::plain(text, theme.error(), width))
        }
        Row::Notice(text) => {
            block(true, ("· ", Theme::muted()), markdown::plain(text, Theme::muted(), width))
        }
    }
}

/// Puts a mark before the first line, and an equal space before the others.
fn block(
    is_first: bool,
    (mark, style): (&'static str, Style),
    body: Vec<Line<'static>>,
) -> Vec<Line<'static>> {
    let mut lines = Vec::with_capacity(body.len() + 1);
    if is_first {
        lines.push(Line::default());
    }
    for (n, mut line) in body.into_iter().enumerate() {
        let mark = if n == 0 && is_first { mark } else { "  " };
        line.spans.insert(0, Span::styled(mark, style));
        lines.push(line);
    }
    lines
}

/// A call; of its output a folded card shows the last `lines_max` lines.
fn card(tool: &Tool, look: Look, width: usize, lines_max: usize) -> Vec<Line<'static>> {
    let theme = look.theme;
    let (mark, style) = match tool.status {
        Status::Running => ("◌ ", theme.warning()),
        Status::Done => ("✓ ", theme.success()),
        Status::Failed => ("✗ ", theme.error()),
    };
    let mut body = if look.unfolded.tools {
        let call = format!("{} {}", tool.name, tool.arguments);
        markdown::plain(call.trim_end(), style, width)
    } else {
        let mut lines = markdown::plain(tool.summary().trim_end(), style, width);
        lines.truncate(2);
        lines
    };
    let output_style = match tool.status {
        Status::Failed => theme.error(),
        Status::Running | Status::Done => Theme::muted(),
    };
    if !tool.output.is_empty() {
        let total = tool.output.lines().count();
        let shown = if look.unfolded.tools { total } else { lines_max };
        let hidden = total.saturating_sub(shown);
        if hidden > 0 {
            let fold = format!("… {hidden} lines (Ctrl+O shows them)");
            body.extend(markdown::plain(&fold, Theme::muted(), width));
        }
        let last: Vec<&str> = tool.output.lines().skip(hidden).collect();
        if !last.is_empty() {
            body.extend(markdown::plain(&last.join("\n"), output_style, width));
        }
    }
    block(true, (mark, style), body)
}
