//! Which part of a text is shown. Pure.

/// Most lines shown at once.
const LINES_MAX: usize = 2000;

/// Most bytes shown at once.
const BYTES_MAX: usize = 50 << 10;

/// Whole lines of `text` from line `offset` (from 1) on, at most `limit`, with a notice when
/// more is there. An offset past the end is an error.
pub(super) fn window(
    path: &str,
    text: &str,
    offset: Option<usize>,
    limit: Option<usize>,
) -> Result<String, String> {
    let total = text.split_inclusive('\n').count();
    let first = offset.unwrap_or(1).max(1);
    if first > total.max(1) {
        return Err(format!("Line {first} is past the end: {path} has {total} lines."));
    }
    let lines_max = limit.unwrap_or(usize::MAX).min(LINES_MAX);
    let mut shown = String::new();
    let mut count = 0;
    let mut is_full = false;
    for line in text.split_inclusive('\n').skip(first - 1).take(lines_max) {
        if shown.len() + line.len() > BYTES_MAX {
            is_full = true;
            break;
        }
        shown.push_str(line);
        count += 1;
    }
    if count == 0 && is_full {
        return Ok(format!(
            "[Line {first} of {total} alone is over 50 KB. See a part of it with exec: \
             sed -n '{first}p' {path} | head -c 51200]"
        ));
    }
    let last = first + count - 1;
    if last >= total || (count == 0 && total == 0) {
        return Ok(shown);
    }
    let next = last + 1;
    let notice = if is_full {
        format!("[Lines {first}-{last} of {total}, cut at 50 KB. Go on with offset={next}.]")
    } else if limit.is_some_and(|limit| limit <= LINES_MAX) {
        format!("[{} more lines. Go on with offset={next}.]", total - last)
    } else {
        format!("[Lines {first}-{last} of {total}. Go on with offset={next}.]")
    };
    let gap = if shown.ends_with('\n') { "\n" } else { "\n\n" };
    Ok(format!("{shown}{gap}{notice}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(count: usize) -> String {
        (1..=count).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_short_file_is_shown_as_it_is() {
        for text in ["", "a", "a\nb\n", "a\r\n\r\nb"] {
            assert_eq!(window("f", text, None, None), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_long_file_says_how_to_go_on() {
        let shown = window("f", &lines(2500), None, None).expect("shown");

        assert!(shown.ends_with("line 2000\n\n[Lines 1-2000 of 2500. Go on with offset=2001.]"));
    }

    #[test]
    fn a_limit_says_how_many_remain() {
        let shown = window("f", &lines(10), Some(3), Some(2));

        assert_eq!(shown.as_deref(), Ok("line 3\nline 4\n\n[6 more lines. Go on with offset=5.]"));
    }

    #[test]
    fn wide_lines_are_cut_at_the_byte_limit_and_one_huge_line_is_refused() {
        let wide = format!("{}\n", "x".repeat(20_000)).repeat(5);

        let shown = window("f", &wide, None, None).expect("shown");

        assert!(shown.contains("[Lines 1-2 of 5, cut at 50 KB. Go on with offset=3.]"));
        let huge = window("f", &"x".repeat(60_000), None, None).expect("a notice");
        assert!(huge.contains("sed -n '1p' f"), "{huge}");
    }

    #[test]
    fn an_offset_past_the_end_tells_the_line_count() {
        let error = window("f", &lines(3), Some(9), None).expect_err("refused");

        assert_eq!(error, "Line 9 is past the end: f has 3 lines.");
    }

    proptest! {
        #[test]
        fn windows_put_together_are_the_file(text in "([a-c]{0,3}\n){0,30}[a-c]{0,3}", size in 1usize..7) {
            let mut whole = String::new();
            let mut offset = 1;
            let total = text.split_inclusive('\n').count();
            while offset <= total {
                let shown = window("f", &text, Some(offset), Some(size)).expect("in range");
                let body = shown.split("\n[").next().expect("a first part");
                whole.push_str(body);
                offset += size;
            }

            prop_assert_eq!(whole, text);
        }
    }
}
