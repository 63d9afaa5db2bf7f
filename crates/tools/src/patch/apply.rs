//! Applies chunks to a text. Lines that stay keep their bytes; new ones get the file's line end.
//!
//! A chunk's old lines are looked for after the previous chunk, in four tiers: exact, blanks
//! at line ends ignored, blanks around lines ignored, typography made plain.

use super::{Chunk, Line};
use crate::typography::plain;

/// What some editors put before a text. Not a part of its first line.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// How two lines are compared.
type Key = fn(&str) -> String;

const TIERS: [Key; 4] = [
    str::to_owned,
    |line| line.trim_end().to_owned(),
    |line| line.trim().to_owned(),
    |line| line.trim().chars().map(plain).collect(),
];

/// `text` with `chunks` applied, ending in a line break.
///
/// # Errors
///
/// Which lines were not found, for the model to read.
pub(crate) fn apply(text: &str, chunks: &[Chunk]) -> Result<String, String> {
    if let Some(text) = text.strip_prefix(BYTE_ORDER_MARK) {
        return Ok(format!("{BYTE_ORDER_MARK}{}", apply(text, chunks)?));
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let bare: Vec<&str> = lines.iter().map(|line| without_end(line)).collect();
    let crlf = lines.iter().filter(|line| line.ends_with("\r\n")).count();
    let line_end = if crlf * 2 > lines.len() { "\r\n" } else { "\n" };
    let mut out = Out { text: String::with_capacity(text.len()), line_end };
    let mut done = 0;
    for chunk in chunks {
        let (at, old_count) = place(&bare, done, chunk)?;
        lines[done..at].iter().for_each(|line| out.keep(line));
        let mut kept = lines[at..at + old_count].iter();
        for line in &chunk.lines {
            match line {
                Line::Keep(_) => {
                    if let Some(line) = kept.next() {
                        out.keep(line);
                    }
                }
                Line::Remove(_) => {
                    kept.next();
                }
                Line::Add(line) => out.add(line),
            }
        }
        done = at + old_count;
    }
    lines[done..].iter().for_each(|line| out.keep(line));
    out.finish();
    Ok(out.text)
}

fn without_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// The text being written.
struct Out {
    text: String,
    line_end: &'static str,
}

impl Out {
    fn keep(&mut self, line: &str) {
        self.finish();
        self.text.push_str(line);
    }

    fn add(&mut self, line: &str) {
        self.finish();
        self.text.push_str(line.strip_suffix('\r').unwrap_or(line));
        self.text.push_str(self.line_end);
    }

    /// Ends the last line, which a file without a line break at its end leaves open.
    fn finish(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push_str(self.line_end);
        }
    }
}

/// Where the chunk's old lines are, and how many.
fn place(lines: &[&str], from: usize, chunk: &Chunk) -> Result<(usize, usize), String> {
    let mut from = from;
    for context in &chunk.context {
        from = seek(lines, &[context], from, false)
            .map(|at| at + 1)
            .ok_or_else(|| format!("could not find the context line `{context}`"))?;
    }
    let mut old: Vec<&str> = chunk.lines.iter().filter_map(Line::old).collect();
    if old.is_empty() {
        let at = if !chunk.context.is_empty() && !chunk.at_end { from } else { lines.len() };
        return Ok((at, 0));
    }
    if let Some(at) = seek(lines, &old, from, chunk.at_end) {
        return Ok((at, old.len()));
    }
    // Models take the end of the last line for an empty line after it.
    if old.len() > 1 && old.last().is_some_and(|line| line.is_empty()) {
        old.pop();
        if let Some(at) = seek(lines, &old, from, true).filter(|at| at + old.len() == lines.len()) {
            return Ok((at, old.len()));
        }
    }
    Err(format!("could not find these lines:\n{}", old.join("\n")))
}

/// The first place from `from` on where `wanted` is, or the last one when `at_end`.
fn seek(lines: &[&str], wanted: &[&str], from: usize, at_end: bool) -> Option<usize> {
    let last = lines.len().checked_sub(wanted.len())?;
    TIERS.iter().find_map(|key| {
        let wanted: Vec<String> = wanted.iter().map(|line| key(line)).collect();
        let fits = |at: &usize| {
            let found = lines.get(*at..).unwrap_or_default();
            found.iter().zip(&wanted).all(|(line, wanted)| key(line) == *wanted)
        };
        if at_end { (from..=last).rev().find(fits) } else { (from..=last).find(fits) }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::patch::{Change, parse};

    fn patched(text: &str, body: &str) -> Result<String, String> {
        let patch = format!("*** Begin Patch\n*** Update File: f\n{body}\n*** End Patch");
        match parse(&patch)?.remove(0) {
            Change::Update { chunks, .. } => apply(text, &chunks),
            Change::Add { .. } | Change::Delete { .. } => panic!("an update"),
        }
    }

    #[test]
    fn each_tier_of_matching_finds_its_lines() {
        let text = "one  \n  two\n\u{201c}three\u{201d}\nfour\n";
        let cases = [
            ("-four\n+4", "one  \n  two\n\u{201c}three\u{201d}\n4\n"),
            ("-one\n+1", "1\n  two\n\u{201c}three\u{201d}\nfour\n"),
            ("-two\n+2", "one  \n2\n\u{201c}three\u{201d}\nfour\n"),
            ("-\"three\"\n+3", "one  \n  two\n3\nfour\n"),
        ];

        for (body, expected) in cases {
            assert_eq!(patched(text, body).as_deref(), Ok(expected), "{body}");
        }
    }

    #[test]
    fn context_and_end_of_file_choose_among_equal_lines() {
        let text = "a\nx\nb\nx\nc\nx\n";

        assert_eq!(patched(text, "@@ b\n-x\n+y").as_deref(), Ok("a\nx\nb\ny\nc\nx\n"));
        assert_eq!(
            patched(text, "@@\n-x\n+y\n*** End of File").as_deref(),
            Ok("a\nx\nb\nx\nc\ny\n")
        );
        assert_eq!(patched(text, "@@ b\n@@ c\n-x\n+y").as_deref(), Ok("a\nx\nb\nx\nc\ny\n"));
        assert_eq!(patched(text, "@@ -3,2 +3,2 @@ b\n-x\n+y").as_deref(), Ok("a\nx\nb\ny\nc\nx\n"));
        assert_eq!(patched(text, "@@\n+z").as_deref(), Ok("a\nx\nb\nx\nc\nx\nz\n"));
    }

    #[test]
    fn lines_that_stay_keep_their_bytes_and_new_ones_get_the_line_end_of_the_file() {
        let after = patched("\u{feff}a \r\nb\r\nc", " a\n-b\n+B\n c");

        assert_eq!(after.as_deref(), Ok("\u{feff}a \r\nB\r\nc\r\n"));
    }

    #[test]
    fn lines_that_are_not_there_are_named() {
        let error = patched("a\n", "-nope\n+x").expect_err("refused");

        assert_eq!(error, "could not find these lines:\nnope");
    }

    /// The patch body that turns the lines `old` into `new` at one place.
    fn body(head: &[String], old: &[String], new: &[String], tail: &[String]) -> String {
        let sign = |sign: char, lines: &[String]| -> Vec<String> {
            lines.iter().map(|line| format!("{sign}{line}")).collect()
        };
        [sign(' ', head), sign('-', old), sign('+', new), sign(' ', tail)].concat().join("\n")
    }

    proptest! {
        #[test]
        fn a_patch_and_its_inverse_give_back_the_file(
            head in prop::collection::vec("h[a-z]{1,4}", 1..5),
            old in prop::collection::vec("o[a-z]{1,4}", 0..4),
            new in prop::collection::vec("n[a-z]{1,4}", 0..4),
            tail in prop::collection::vec("t[a-z]{1,4}", 0..5),
        ) {
            let text = |middle: &[String]| {
                let lines: Vec<String> = [&head, middle, &tail].concat();
                format!("{}\n", lines.join("\n"))
            };

            let there = patched(&text(&old), &body(&head, &old, &new, &tail));
            prop_assert_eq!(there, Ok(text(&new)));
            let back = patched(&text(&new), &body(&head, &new, &old, &tail));
            prop_assert_eq!(back, Ok(text(&old)));
        }

        #[test]
        fn no_text_makes_applying_panic(text in "[a-c \r\n]{0,30}", body in "([ +-][a-c]{0,2}\n|@@\n|@@ a\n|\n){0,8}") {
            patched(&text, &body).ok();
        }
    }
}
