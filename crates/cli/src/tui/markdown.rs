//! The little Markdown that a terminal can show: headings, lists, quotes, code, bold.
//!
//! Goes line by line, so that a text may be cut into pieces. Anything else stays as written.

use ratatui::{
    style::Style,
    text::{Line, Span},
};
use unicode_width::UnicodeWidthChar;

use super::{paint::Theme, row::is_fence};

/// A stretch of text in one style.
type Run = (String, Style);

/// Lays out `text` for `width` columns.
pub(crate) fn lay(text: &str, is_in_code: bool, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut is_in_code = is_in_code;
    for source in text.split('\n') {
        if is_fence(source) {
            is_in_code = !is_in_code;
            let language = source.trim().trim_start_matches('`').trim();
            let label = if is_in_code { language } else { "" };
            wrap(
                &[(format!("── {label}").trim_end().into(), Theme::muted())],
                width,
                0,
                &mut lines,
            );
        } else if is_in_code {
            wrap(&[(source.to_owned(), theme.code())], width, 0, &mut lines);
        } else {
            prose(source, width, theme, &mut lines);
        }
    }
    lines
}

/// Lays out plain text in one style.
pub(crate) fn plain(text: &str, style: Style, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for source in text.split('\n') {
        wrap(&[(source.to_owned(), style)], width, 0, &mut lines);
    }
    lines
}

fn prose(source: &str, width: usize, theme: Theme, lines: &mut Vec<Line<'static>>) {
    let trimmed = source.trim_start();
    let indent = source.len() - trimmed.len();
    let hashes = trimmed.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&hashes) && trimmed[hashes..].starts_with(' ') {
        let title = trimmed[hashes..].trim().to_owned();
        return wrap(&[(title, theme.heading())], width, 0, lines);
    }
    if let Some(quoted) = trimmed.strip_prefix('>') {
        let runs = [(format!("│ {}", quoted.trim_start()), Theme::muted())];
        return wrap(&runs, width, 2, lines);
    }
    let bullet = ["- ", "* ", "+ "].iter().find_map(|mark| trimmed.strip_prefix(mark));
    if let Some(rest) = bullet {
        let mut runs = vec![(format!("{}• ", " ".repeat(indent)), theme.accent())];
        runs.extend(inline(rest, theme));
        return wrap(&runs, width, indent + 2, lines);
    }
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let is_numbered = (1..=3).contains(&digits) && trimmed[digits..].starts_with(". ");
    let hanging = if is_numbered { indent + digits + 2 } else { 0 };
    wrap(&inline(source, theme), width, hanging, lines);
}

/// Splits a line at its code and its bold words.
fn inline(source: &str, theme: Theme) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['`', '*']) {
        let mark = if rest[at..].starts_with('`') { "`" } else { "**" };
        let inner = rest[at..].strip_prefix(mark).and_then(|after| {
            let end = after.find(mark).filter(|end| *end > 0)?;
            Some((&after[..end], &after[end + mark.len()..]))
        });
        let Some((inner, after)) = inner else {
            let next = at + 1;
            runs.push((rest[..next].to_owned(), Style::new()));
            rest = &rest[next..];
            continue;
        };
        runs.push((rest[..at].to_owned(), Style::new()));
        let style = if mark == "`" { theme.code() } else { Theme::bold() };
        runs.push((inner.to_owned(), style));
        rest = after;
    }
    runs.push((rest.to_owned(), Style::new()));
    runs
}

/// Breaks runs into lines of at most `width` columns, at spaces where there are any. Lines after
/// the first are indented by `hanging`.
fn wrap(runs: &[Run], width: usize, hanging: usize, lines: &mut Vec<Line<'static>>) {
    let width = width.max(4);
    let hanging = hanging.min(width / 2);
    let chars: Vec<(char, Style)> = runs
        .iter()
        .flat_map(|(text, style)| text.chars().map(move |char| (char, *style)))
        .collect();
    let mut start = 0;
    let mut indent = 0;
    loop {
        let end = line_end(&chars, start, width - indent);
        lines.push(line(&chars[start..end], indent));
        start = end;
        while start < chars.len() && chars[start].0 == ' ' {
            start += 1;
        }
        if start >= chars.len() {
            return;
        }
        indent = hanging;
    }
}

/// Where the line that begins at `start` ends.
fn line_end(chars: &[(char, Style)], start: usize, columns: usize) -> usize {
    let mut used = 0;
    let mut space = None;
    for (at, (char, _)) in chars.iter().enumerate().skip(start) {
        let wide = char.width().unwrap_or(0);
        if used + wide > columns {
            return match space {
                Some(space) if *char != ' ' => space,
                Some(_) | None => at.max(start + 1),
            };
        }
        used += wide;
        let is_after_text = chars[start..at].iter().any(|(char, _)| *char != ' ');
        if *char == ' ' && (space.is_some() || is_after_text) {
            space = Some(at + 1);
        }
    }
    chars.len()
}

fn line(chars: &[(char, Style)], indent: usize) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    if indent > 0 {
        spans.push(Span::raw(" ".repeat(indent)));
    }
    for group in chars.chunk_by(|left, right| left.1 == right.1) {
        let text: String = group.iter().map(|(char, _)| *char).collect();
        spans.push(Span::styled(text, group[0].1));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, width: usize) -> Vec<String> {
        lay(text, false, width, Theme::PLAIN).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn marks_are_shown_and_not_written() {
        let text = "# Title\n\n- **one** and `two`\n1. three\n> said\n```rust\nlet  x = 1;\n```";

        assert_eq!(
            texts(text, 40),
            ["Title", "", "• one and two", "1. three", "│ said", "── rust", "let  x = 1;", "──"]
        );
    }

    #[test]
    fn marks_without_a_partner_stay() {
        assert_eq!(texts("2 * 3 ** and `", 40), ["2 * 3 ** and `"]);
    }

    #[test]
    fn long_lines_break_at_spaces_and_lists_hang() {
        assert_eq!(texts("- one two three", 9), ["• one two", "  three"]);
        assert_eq!(texts("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(texts("你好世界", 5), ["你好", "世界"]);
    }

    #[test]
    fn a_piece_may_begin_within_code() {
        let lines = lay("# no title\n```\n# title", true, 20, Theme::PLAIN);

        let texts: Vec<String> = lines.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["# no title", "──", "title"]);
    }
}
