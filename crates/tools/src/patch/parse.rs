//! Text of a patch to [`Change`]s. Errors name the line, counted from 1.

use super::{Change, Chunk, Line};

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";
const ADD: &str = "*** Add File: ";
const DELETE: &str = "*** Delete File: ";
const UPDATE: &str = "*** Update File: ";
const MOVE: &str = "*** Move to: ";
const END_OF_FILE: &str = "*** End of File";

/// Lines of a patch, with their numbers.
struct Lines<'a> {
    all: Vec<&'a str>,
    next: usize,
    /// Number of the line before the first.
    offset: usize,
}

impl<'a> Lines<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.all.get(self.next).copied()
    }

    fn advance(&mut self) {
        self.next += 1;
    }

    fn number(&self) -> usize {
        self.offset + self.next + 1
    }

    /// The rest of the next line when it starts with `header`; advances then.
    fn take(&mut self, header: &str) -> Option<&'a str> {
        let rest = self.peek()?.trim().strip_prefix(header.trim_end())?;
        self.advance();
        Some(rest.trim())
    }
}

/// Reads a patch.
///
/// # Errors
///
/// What is wrong, for the model to read.
pub(crate) fn parse(input: &str) -> Result<Vec<Change>, String> {
    let mut lines = frame(input)?;
    let mut changes = Vec::new();
    while let Some(line) = lines.peek() {
        if line.trim().is_empty() {
            lines.advance();
            continue;
        }
        changes.push(change(&mut lines)?);
    }
    if changes.is_empty() {
        return Err("The patch is empty: it changes no file.".to_owned());
    }
    Ok(changes)
}

/// The lines between begin and end, also when a here-document is around them.
fn frame(input: &str) -> Result<Lines<'_>, String> {
    let mut all: Vec<&str> = input.lines().collect();
    let mut offset = all.iter().take_while(|line| line.trim().is_empty()).count();
    all.drain(..offset);
    while all.last().is_some_and(|line| line.trim().is_empty()) {
        all.pop();
    }
    if let [first, .., last] = all.as_slice()
        && let Some(mark) = here_document(first)
        && last.trim() == mark
    {
        all.pop();
        all.remove(0);
        offset += 1;
    }
    match all.as_slice() {
        [] => return Err("The patch is empty.".to_owned()),
        [first, ..] if first.trim() != BEGIN => {
            return Err(format!("Line {}: a patch starts with `{BEGIN}`.", offset + 1));
        }
        [.., last] if all.len() < 2 || last.trim() != END => {
            return Err(format!("Line {}: a patch ends with `{END}`.", offset + all.len()));
        }
        [..] => {}
    }
    all.pop();
    all.remove(0);
    Ok(Lines { all, next: 0, offset: offset + 1 })
}

/// The end mark of a line such as `apply_patch <<'EOF'`.
fn here_document(line: &str) -> Option<&str> {
    let (before, mark) = line.trim().split_once("<<")?;
    let is_command = before.chars().all(|c| c.is_ascii_alphanumeric() || "_- ".contains(c));
    let mark = mark.trim_start_matches('-').trim().trim_matches(['\'', '"']);
    (is_command && !mark.is_empty()).then_some(mark)
}

fn change(lines: &mut Lines<'_>) -> Result<Change, String> {
    let number = lines.number();
    if let Some(path) = lines.take(ADD) {
        return Ok(Change::Add { path: named(path, number)?, text: added(lines) });
    }
    if let Some(path) = lines.take(DELETE) {
        return Ok(Change::Delete { path: named(path, number)? });
    }
    if let Some(path) = lines.take(UPDATE) {
        let path = named(path, number)?;
        let to = lines.take(MOVE).map(|to| named(to, number + 1)).transpose()?;
        let chunks = chunks(lines)?;
        if chunks.is_empty() && to.is_none() {
            return Err(format!("Line {number}: the update of {path} has no change."));
        }
        return Ok(Change::Update { path, to, chunks });
    }
    let line: String = lines.peek().unwrap_or_default().chars().take(80).collect();
    Err(format!(
        "Line {number}: `{line}` is no header. Valid ones: `{ADD}<path>`, `{DELETE}<path>`, \
         `{UPDATE}<path>`."
    ))
}

fn named(path: &str, number: usize) -> Result<String, String> {
    let path = crate::path::clean(path);
    if path.is_empty() {
        return Err(format!("Line {number}: the header names no file."));
    }
    Ok(path)
}

fn added(lines: &mut Lines<'_>) -> String {
    let mut text = String::new();
    while let Some(line) = lines.peek().and_then(|line| line.strip_prefix('+')) {
        text.push_str(line);
        text.push('\n');
        lines.advance();
    }
    text
}

fn chunks(lines: &mut Lines<'_>) -> Result<Vec<Chunk>, String> {
    let mut chunks = Vec::new();
    while let Some(line) = lines.peek() {
        if is_header(line) {
            break;
        }
        if line.trim().is_empty() && ends_here(lines) {
            lines.advance();
            continue;
        }
        chunks.push(chunk(lines, chunks.is_empty())?);
    }
    Ok(chunks)
}

fn is_header(line: &str) -> bool {
    let line = line.trim_end();
    [ADD, DELETE, UPDATE].iter().any(|header| line.starts_with(header.trim_end()))
}

/// Whether nothing but blank lines follows in this file's part.
fn ends_here(lines: &Lines<'_>) -> bool {
    let rest = lines.all.get(lines.next..).unwrap_or_default();
    rest.iter().find(|line| !line.trim().is_empty()).is_none_or(|line| is_header(line))
}

fn chunk(lines: &mut Lines<'_>, is_first: bool) -> Result<Chunk, String> {
    let number = lines.number();
    let mut chunk = Chunk::default();
    while let Some(context) = lines.peek().and_then(place) {
        chunk.context.extend((!context.is_empty()).then(|| context.to_owned()));
        lines.advance();
    }
    if lines.number() == number && !is_first {
        let line: String = lines.peek().unwrap_or_default().chars().take(80).collect();
        return Err(format!("Line {number}: `{line}` stands where a `@@` line should."));
    }
    while let Some(text) = lines.peek() {
        if text.trim_end() == END_OF_FILE {
            chunk.at_end = true;
            lines.advance();
            break;
        }
        if text.is_empty() && ends_here(lines) {
            break;
        }
        let mut chars = text.chars();
        let line = match chars.next() {
            None => Line::Keep(String::new()),
            Some(' ') => Line::Keep(chars.as_str().to_owned()),
            Some('-') => Line::Remove(chars.as_str().to_owned()),
            Some('+') => Line::Add(chars.as_str().to_owned()),
            Some(_) => break,
        };
        chunk.lines.push(line);
        lines.advance();
    }
    if chunk.lines.is_empty() {
        let line: String = lines.peek().unwrap_or_default().chars().take(80).collect();
        return Err(format!(
            "Line {}: `{line}` is no line of a change; those start with a space, `-` or `+`.",
            lines.number()
        ));
    }
    Ok(chunk)
}

/// What a `@@` line says of the place: a line above it, or nothing. Line numbers, which models
/// know from other patches, are passed over.
fn place(line: &str) -> Option<&str> {
    let rest = line.trim_end().strip_prefix("@@")?;
    if rest.is_empty() {
        return Some("");
    }
    let context = rest.strip_prefix(' ')?;
    if context.starts_with('-') && context.contains(" +") {
        return Some(context.split_once("@@").map_or("", |(_, context)| context.trim_start()));
    }
    Some(context)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_kinds_of_change_are_read() {
        let patch = "<<'EOF'\n*** Begin Patch\n*** Add File: a b.txt\n+one\n+\n*** Delete File: old\n\
                     *** Update File: src/x.rs\n*** Move to: src/y.rs\n@@ fn main\n keep\n-old\n+new\n\
                     *** End of File\n\n*** End Patch\nEOF\n";

        let changes = parse(patch).expect("valid");

        assert_eq!(
            changes,
            [
                Change::Add { path: "a b.txt".to_owned(), text: "one\n\n".to_owned() },
                Change::Delete { path: "old".to_owned() },
                Change::Update {
                    path: "src/x.rs".to_owned(),
                    to: Some("src/y.rs".to_owned()),
                    chunks: vec![Chunk {
                        context: vec!["fn main".to_owned()],
                        lines: vec![
                            Line::Keep("keep".to_owned()),
                            Line::Remove("old".to_owned()),
                            Line::Add("new".to_owned()),
                        ],
                        at_end: true,
                    }],
                },
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let cases = [
            ("", "The patch is empty."),
            ("hello", "Line 1: a patch starts with `*** Begin Patch`."),
            ("*** Begin Patch\n*** Delete File: a", "Line 2: a patch ends with `*** End Patch`."),
            ("*** Begin Patch\n*** End Patch", "The patch is empty: it changes no file."),
            (
                "*** Begin Patch\n*** Update File: a\n*** End Patch",
                "Line 2: the update of a has no change.",
            ),
            (
                "*** Begin Patch\n*** Update File: a\n@@\nx\n*** End Patch",
                "Line 4: `x` is no line of a change; those start with a space, `-` or `+`.",
            ),
            (
                "*** Begin Patch\n*** Delete File:  \n*** End Patch",
                "Line 2: the header names no file.",
            ),
        ];

        for (patch, expected) in cases {
            assert_eq!(parse(patch), Err(expected.to_owned()), "{patch:?}");
        }
        let error = parse("*** Begin Patch\n*** Frob: x\n*** End Patch").expect_err("refused");
        assert!(error.starts_with("Line 2: `*** Frob: x` is no header. Valid ones:"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(
            lines in prop::collection::vec(
                prop_oneof![
                    Just("*** Begin Patch".to_owned()), Just("*** End Patch".to_owned()),
                    Just("*** Update File: a".to_owned()), Just("*** Add File: b".to_owned()),
                    Just("*** Delete File: c".to_owned()), Just("*** Move to: d".to_owned()),
                    Just("*** End of File".to_owned()), Just("@@".to_owned()),
                    Just("@@ x".to_owned()), Just("<<EOF".to_owned()), Just("EOF".to_owned()),
                    Just(String::new()), "[ +-][a-c]{0,3}", "\\PC{0,8}",
                ],
                0..14,
            ),
            framed in any::<bool>(),
        ) {
            let body = lines.join("\n");
            let text = if framed { format!("*** Begin Patch\n{body}\n*** End Patch") } else { body };

            parse(&text).ok();
        }
    }
}
