//! Pages of a process's output, by line. Pure.

/// Lines shown when nothing was asked for.
const LINES_DEFAULT: usize = 200;

/// Some lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) text: String,
    pub(super) total_lines: usize,
}

/// Lines of `text`: from `offset`, or the last ones when there is none; at most `limit`.
pub(super) fn page(text: &str, offset: Option<usize>, limit: Option<usize>) -> Page {
    let lines: Vec<&str> = text.lines().collect();
    let total_lines = lines.len();
    let (from, count) = match (offset, limit) {
        (Some(offset), limit) => (offset.min(total_lines), limit.unwrap_or(usize::MAX)),
        (None, limit) => {
            let count = limit.unwrap_or(LINES_DEFAULT);
            (total_lines.saturating_sub(count), count)
        }
    };
    let to = from.saturating_add(count).min(total_lines);
    let mut shown = lines.get(from..to).unwrap_or_default().join("\n");
    if total_lines == 0 {
        "(no output yet)".clone_into(&mut shown);
    } else if let Some(offset) = offset.filter(|offset| *offset >= total_lines) {
        shown = format!("(no line {offset}: there are {total_lines}, counted from 0)");
    } else if offset.is_none() && limit.is_none() && from > 0 {
        let notice = format!(
            "\n\n[The last {LINES_DEFAULT} of {total_lines} lines; use offset and limit for more.]"
        );
        shown.push_str(&notice);
    }
    Page { text: shown, total_lines }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_an_offset_the_last_lines_are_shown() {
        assert_eq!(page("a\nb\nc\n", None, Some(2)).text, "b\nc");
        assert_eq!(page("a\nb\nc\n", Some(1), None).text, "b\nc");
        assert_eq!(page("", None, None).text, "(no output yet)");
        assert!(page(&"x\n".repeat(300), None, None).text.contains("last 200 of 300 lines"));
        assert!(page("a\n", Some(5), None).text.contains("no line 5"));
    }

    proptest! {
        #[test]
        fn pages_put_together_are_the_whole(lines in prop::collection::vec("[a-z ]{0,5}", 1..40), size in 1usize..9) {
            let text = lines.join("\n");
            let total = page(&text, None, None).total_lines;

            let pages: Vec<String> = (0..total)
                .step_by(size)
                .map(|offset| page(&text, Some(offset), Some(size)).text)
                .collect();

            let whole: Vec<&str> = text.lines().collect();
            prop_assert_eq!(pages.join("\n"), whole.join("\n"));
        }
    }
}
