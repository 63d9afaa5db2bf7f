//! A diff with line numbers, for people to look at. Pure.

use std::{fmt::Write, time::Duration};

use similar::{Algorithm, ChangeTag, TextDiff};

/// Unchanged lines shown around a change.
const CONTEXT_LINES: usize = 4;

/// Time after which a coarser diff is good enough.
const PATIENCE: Duration = Duration::from_millis(200);

/// The changed lines with their numbers, and the first changed line of the new text, from 1.
pub(super) fn numbered(before: &str, after: &str) -> (String, Option<usize>) {
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .timeout(PATIENCE)
        .diff_lines(before, after);
    let lines = before.lines().count().max(after.lines().count()).max(1);
    let width = lines.to_string().len();
    let mut out = String::new();
    let mut first_changed = None;
    for (nth, group) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
        if nth > 0 {
            out.push_str("...\n");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (sign, index) = match change.tag() {
                ChangeTag::Equal => (' ', change.new_index()),
                ChangeTag::Delete => ('-', change.old_index()),
                ChangeTag::Insert => ('+', change.new_index()),
            };
            let number = index.unwrap_or_default() + 1;
            if change.tag() != ChangeTag::Equal && first_changed.is_none() {
                first_changed = Some(number);
            }
            let line = change.value().trim_end_matches(['\r', '\n']);
            writeln!(out, "{sign}{number:>width$} {line}").ok();
        }
    }
    out.truncate(out.trim_end_matches('\n').len());
    (out, first_changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_carry_their_line_numbers() {
        let lines: Vec<String> = (1..=12).map(|n| format!("line {n}\n")).collect();
        let before = lines.concat();
        let after = before.replace("line 7\n", "seven\n");

        let (diff, first) = numbered(&before, &after);

        assert_eq!(first, Some(7));
        let expected = "  3 line 3\n  4 line 4\n  5 line 5\n  6 line 6\n- 7 line 7\n+ 7 seven\n  \
                        8 line 8\n  9 line 9\n 10 line 10\n 11 line 11";
        assert_eq!(diff, expected);
    }
}
