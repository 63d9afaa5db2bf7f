//! Thinking that a model writes into its text, between tags.
//!
//! ```text
//!   text ──<think>──► thinking ──</think>──► text
//!     └──</think> that nothing opened: all text so far was thinking
//! ```
//!
//! Tags may come in pieces; what could become one is held back. In code, fenced or between
//! backticks, they are text. `<final>` and `</final>` are left out.

/// Names of tags around thinking.
const NAMES: [&str; 6] = ["think", "thinking", "thought", "thoughts", "reasoning", "antthinking"];

/// The name of the tag around the answer.
const FINAL: &str = "final";

/// Tags of other forms, and whether they open thinking.
const OTHERS: [(&str, Tag); 4] = [
    ("[THINK]", Tag::Opens),
    ("[/THINK]", Tag::Closes),
    ("◁think▷", Tag::Opens),
    ("◁/think▷", Tag::Closes),
];

/// Longest text that may still become a tag, in bytes.
const TAG_BYTES_MAX: usize = 40;

/// What was heard.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// More text.
    Text(String),
    /// More thinking.
    Thinking(String),
    /// All text so far was thinking.
    TextWasThinking,
}

/// What a tag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Opens,
    Closes,
    Around,
}

/// What stands at a place of the text.
enum Found {
    Tag(Tag, usize),
    Perhaps,
    Nothing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Text,
    Thinking,
    /// Text until a closing tag says that it was thinking; nothing is told before.
    Undecided,
}

/// Tells text from thinking.
#[derive(Debug, Default)]
pub(crate) struct ThinkTags {
    mode: Mode,
    /// What may become a tag.
    held: String,
    /// Text that a closing tag may still make thinking.
    undecided: String,
    code: Code,
    /// Whether text other than blanks was heard.
    spoke: bool,
    /// Whether a closing tag came just before, so that blanks are left out.
    trims: bool,
}

impl ThinkTags {
    /// For a model that is known to begin with thinking that no tag opens.
    pub(crate) fn opened() -> Self {
        Self { mode: Mode::Undecided, ..Self::default() }
    }

    /// Takes more text; gives what is certain now.
    pub(crate) fn hear(&mut self, more: &str, heard: &mut Vec<Heard>) {
        self.held.push_str(more);
        self.read(false, heard);
    }

    /// The text is over: what was held back is text.
    pub(crate) fn end(&mut self, heard: &mut Vec<Heard>) {
        self.read(true, heard);
        if self.mode == Mode::Undecided {
            self.mode = Mode::Text;
            let words = std::mem::take(&mut self.undecided);
            self.tell(&words, heard);
        }
        self.code = Code::default();
    }

    fn read(&mut self, is_end: bool, heard: &mut Vec<Heard>) {
        let held = std::mem::take(&mut self.held);
        let mut told = 0;
        let mut at = 0;
        while let Some(c) = held[at..].chars().next() {
            let rest = &held[at..];
            let is_code = self.mode == Mode::Text && self.code.is_inside();
            let found = match c {
                '<' | '[' | '◁' if !is_code => find(rest),
                '`' | '~' if self.mode == Mode::Text => {
                    let run = rest.len() - rest.trim_start_matches(c).len();
                    if run == rest.len() && !is_end {
                        break;
                    }
                    self.code.run(c, run);
                    at += run;
                    continue;
                }
                _ => Found::Nothing,
            };
            match found {
                Found::Perhaps if !is_end => break,
                Found::Tag(tag, length) if self.counts(tag, &held[..at], &rest[length..]) => {
                    let before = held.get(told..at).unwrap_or_default();
                    self.pass(tag, before, heard);
                    at += length;
                    told = at;
                }
                Found::Tag(..) | Found::Perhaps | Found::Nothing => {
                    self.code.pass(c);
                    at += c.len_utf8();
                }
            }
        }
        self.tell(&held[told..at], heard);
        held[at..].clone_into(&mut self.held);
    }

    /// Whether a tag between these texts is meant as one.
    fn counts(&self, tag: Tag, before: &str, after: &str) -> bool {
        let is_quoted = before.ends_with('`') && after.starts_with('`');
        let fits = match self.mode {
            Mode::Thinking => tag == Tag::Closes,
            Mode::Text | Mode::Undecided => true,
        };
        fits && !is_quoted
    }

    fn pass(&mut self, tag: Tag, before: &str, heard: &mut Vec<Heard>) {
        match (tag, self.mode) {
            (Tag::Opens, _) => {
                self.tell(before, heard);
                self.mode = Mode::Thinking;
            }
            (Tag::Closes, Mode::Text) => {
                self.tell(before, heard);
                if self.spoke {
                    heard.push(Heard::TextWasThinking);
                }
                (self.spoke, self.trims) = (false, true);
                self.code = Code::default();
            }
            (Tag::Closes, Mode::Thinking | Mode::Undecided) => {
                self.tell(before, heard);
                let words = std::mem::take(&mut self.undecided);
                if !words.is_empty() {
                    heard.push(Heard::Thinking(words));
                }
                (self.mode, self.trims) = (Mode::Text, !self.spoke);
                self.code = Code::default();
            }
            (Tag::Around, _) => self.tell(before, heard),
        }
    }

    fn tell(&mut self, words: &str, heard: &mut Vec<Heard>) {
        match self.mode {
            Mode::Undecided => return self.undecided.push_str(words),
            Mode::Thinking if words.is_empty() => return,
            Mode::Thinking => return heard.push(Heard::Thinking(words.to_owned())),
            Mode::Text => {}
        }
        let words = if self.trims { words.trim_start() } else { words };
        if words.is_empty() {
            return;
        }
        self.trims = false;
        self.spoke |= !words.trim().is_empty();
        heard.push(Heard::Text(words.to_owned()));
    }
}

/// What stands at the beginning of `text`.
fn find(text: &str) -> Found {
    for (form, tag) in OTHERS {
        if text.starts_with(form) {
            return Found::Tag(tag, form.len());
        }
        if form.starts_with(text) {
            return Found::Perhaps;
        }
    }
    let Some(inner) = text.strip_prefix('<') else { return Found::Nothing };
    let inner = inner.trim_start_matches(' ');
    let bare = inner.strip_prefix('/').map(|it| it.trim_start_matches(' '));
    let (closes, name_on) = (bare.is_some(), bare.unwrap_or(inner));
    let end = name_on.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(name_on.len());
    let (name, after) = name_on.split_at(end);
    let name = name.to_ascii_lowercase();
    let after = after.trim_start_matches(' ');
    if after.is_empty() {
        let begins = NAMES.iter().chain([&FINAL]).any(|it| it.starts_with(&*name));
        return if begins && text.len() <= TAG_BYTES_MAX { Found::Perhaps } else { Found::Nothing };
    }
    if !after.starts_with('>') {
        return Found::Nothing;
    }
    let length = text.len() - after.len() + 1;
    match (closes, NAMES.contains(&&*name)) {
        (false, true) => Found::Tag(Tag::Opens, length),
        (true, true) => Found::Tag(Tag::Closes, length),
        (_, false) if name == FINAL => Found::Tag(Tag::Around, length),
        (_, false) => Found::Nothing,
    }
}

/// Whether a place of a Markdown text is in code.
#[derive(Debug)]
struct Code {
    /// Character and length of the fence that is open.
    fence: Option<(char, usize)>,
    /// Length of the run of backticks that is open in a paragraph.
    span: Option<usize>,
    /// Whether the line so far is blank.
    line_is_blank: bool,
}

impl Default for Code {
    fn default() -> Self {
        Self { fence: None, span: None, line_is_blank: true }
    }
}

impl Code {
    fn is_inside(&self) -> bool {
        self.fence.is_some() || self.span.is_some()
    }

    /// Passes a run of backticks or tildes.
    fn run(&mut self, c: char, length: usize) {
        let begins_line = std::mem::replace(&mut self.line_is_blank, false);
        match self.fence {
            Some((open, least)) if begins_line && c == open && length >= least => {
                self.fence = None;
            }
            None if begins_line && length >= 3 && self.span.is_none() => {
                self.fence = Some((c, length));
            }
            None if c == '`' => match self.span {
                Some(open) if open == length => self.span = None,
                Some(_) => {}
                None => self.span = Some(length),
            },
            Some(_) | None => {}
        }
    }

    fn pass(&mut self, c: char) {
        if c == '\n' {
            if self.line_is_blank {
                self.span = None;
            }
            self.line_is_blank = true;
        } else if !c.is_whitespace() {
            self.line_is_blank = false;
        }
    }
}

#[cfg(test)]
mod tests;
