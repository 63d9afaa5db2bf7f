//! Where things are written in a JSON5 text.
//!
//! `json5` decides what is valid and yields values without places; this finds the places
//! afterwards, and the nesting depth beforehand. It never fails: on text that is not JSON5 it
//! finds what it can.

use std::{collections::BTreeMap, ops::Range};

use crate::problem::Path;

/// A place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Byte at which the key starts, or the element in an array.
    pub(crate) start: usize,
    /// Bytes of the value.
    pub(crate) value: Range<usize>,
}

/// The places of all values of a text.
#[derive(Debug, Default)]
pub(crate) struct Spans<'a> {
    text: &'a str,
    places: BTreeMap<Path, Place>,
    /// Keys written twice: the later one counts, the earlier one is still text.
    shadowed: Vec<(Path, Place)>,
}

impl<'a> Spans<'a> {
    /// Finds the places in `text`, whose nesting must have been checked.
    pub(crate) fn of(text: &'a str) -> Self {
        let spans = Self { text, ..Self::default() };
        let mut walk = Walk { text, tokens: Tokens::of(text), spans };
        if let Some(token) = walk.tokens.next() {
            let _ = walk.value(&Path::default(), &token, token.range.start);
        }
        walk.spans
    }

    /// The place of `path`, or of its nearest ancestor that is in the text.
    pub(crate) fn nearest(&self, path: &Path) -> Option<&Place> {
        let mut path = path.clone();
        loop {
            if path.0.is_empty() {
                return None;
            }
            if let Some(place) = self.places.get(&path) {
                return Some(place);
            }
            path.0.pop();
        }
    }

    /// Line and column in characters of `place`, both from 1.
    pub(crate) fn position(&self, place: &Place) -> (u32, u32) {
        position(self.text, place.start)
    }

    /// All values with their places, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Path, &Place)> {
        self.places.iter().chain(self.shadowed.iter().map(|(path, place)| (path, place)))
    }
}

/// The offset at which `text` nests deeper than `depth_max`, if it does.
pub(crate) fn too_deep(text: &str, depth_max: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for token in Tokens::of(text) {
        match token.kind {
            Kind::Punct('{' | '[') => depth += 1,
            Kind::Punct('}' | ']') => depth = depth.saturating_sub(1),
            Kind::Punct(_) | Kind::Quoted | Kind::Bare => {}
        }
        if depth > depth_max {
            return Some(token.range.start);
        }
    }
    None
}

/// Line and column in characters of `offset`, both from 1.
pub(crate) fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

struct Walk<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
    spans: Spans<'a>,
}

impl Walk<'_> {
    /// Walks the value that starts with `token`; `None` when the text makes no sense from here.
    fn value(&mut self, path: &Path, token: &Token, named_at: usize) -> Option<()> {
        let end = match token.kind {
            Kind::Punct('{') => self.object(path)?,
            Kind::Punct('[') => self.array(path)?,
            Kind::Quoted | Kind::Bare => token.range.end,
            Kind::Punct(_) => return None,
        };
        let place = Place { start: named_at, value: token.range.start..end };
        if let Some(earlier) = self.spans.places.insert(path.clone(), place) {
            self.spans.shadowed.push((path.clone(), earlier));
        }
        Some(())
    }

    fn object(&mut self, path: &Path) -> Option<usize> {
        loop {
            let key = self.tokens.next()?;
            match key.kind {
                Kind::Punct('}') => return Some(key.range.end),
                Kind::Punct(',') => continue,
                Kind::Punct(_) => return None,
                Kind::Quoted | Kind::Bare => {}
            }
            if self.tokens.next()?.kind != Kind::Punct(':') {
                return None;
            }
            let value = self.tokens.next()?;
            let name = key_text(self.text.get(key.range.clone())?);
            self.value(&path.child(name), &value, key.range.start)?;
        }
    }

    fn array(&mut self, path: &Path) -> Option<usize> {
        let mut index = 0_usize;
        loop {
            let token = self.tokens.next()?;
            match token.kind {
                Kind::Punct(']') => return Some(token.range.end),
                Kind::Punct(',') => continue,
                Kind::Punct(_) | Kind::Quoted | Kind::Bare => {}
            }
            self.value(&path.child(index), &token, token.range.start)?;
            index += 1;
        }
    }
}

/// The key that `literal` spells.
fn key_text(literal: &str) -> String {
    if literal.starts_with(['"', '\'']) {
        return json5::from_str(literal).unwrap_or_else(|_| literal.to_owned());
    }
    if literal.contains('\\') {
        let spelled = json5::from_str::<BTreeMap<String, u8>>(&format!("{{{literal}:0}}"));
        return spelled.ok().and_then(|map| map.into_keys().next()).unwrap_or_default();
    }
    literal.to_owned()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One of `{}[],:`.
    Punct(char),
    Quoted,
    Bare,
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    range: Range<usize>,
}

/// The tokens of a JSON5 text without its white space and comments.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
            self.at += rest.len() - trimmed.len();
            self.at += if trimmed.starts_with("//") {
                trimmed.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(trimmed.len())
            } else if trimmed.starts_with("/*") {
                trimmed.get(2..).and_then(|body| body.find("*/")).map_or(trimmed.len(), |at| at + 4)
            } else {
                return;
            };
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_blank();
        let rest = self.rest();
        let first = rest.chars().next()?;
        let (kind, length) = match first {
            '{' | '}' | '[' | ']' | ',' | ':' => (Kind::Punct(first), 1),
            '"' | '\'' => (Kind::Quoted, quoted_length(rest, first)),
            _ => (Kind::Bare, bare_length(rest)),
        };
        let start = self.at;
        self.at += length;
        Some(Token { kind, range: start..self.at })
    }
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn bare_length(rest: &str) -> usize {
    rest.char_indices()
        .skip(1)
        .find(|(_, c)| c.is_whitespace() || "{}[],:/\"'\u{feff}".contains(*c))
        .map_or(rest.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, path: &[&str]) -> Option<(u32, u32, String)> {
        let spans = Spans::of(text);
        let place = spans.nearest(&Path::of(path))?;
        let (line, column) = spans.position(place);
        Some((line, column, text[place.value.clone()].to_owned()))
    }

    #[test]
    fn keys_of_all_spellings_are_found() {
        let text = "// { note\n{\n  a: 1, 'b\\'c': [ {d: +0x1F}, /* , */ 'x}' ],\n  \"e\" : {},\n}";

        assert_eq!(place(text, &["a"]), Some((3, 3, "1".to_owned())));
        assert_eq!(place(text, &["b'c", "0", "d"]), Some((3, 20, "+0x1F".to_owned())));
        assert_eq!(place(text, &["b'c", "1"]), Some((3, 39, "'x}'".to_owned())));
        assert_eq!(place(text, &["e", "missing"]), Some((4, 3, "{}".to_owned())));
        assert_eq!(place(text, &["nowhere"]), None);
    }

    #[test]
    fn depth_ignores_brackets_in_strings_and_comments() {
        assert_eq!(too_deep("['[[[', /* [[ */ [1]] // [[", 2), None);
        assert_eq!(too_deep("[[[1]]]", 2), Some(2));
    }
}
