//! Splits a command line into programs and their arguments, as every common shell would.
//!
//! Understands plain words, quotes, escapes and `;`, `&&`, `||`, `|`. For anything else that a
//! shell gives a meaning (expansion, substitution, redirection, grouping, background, comments,
//! assignments, line ends) there is no answer, so nothing can be hidden in it.

/// Longest command line that is looked at.
const CHARS_MAX: usize = 64 * 1024;

/// One program with its arguments. Has at least one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    words: Vec<Word>,
}

/// One word, quotes taken off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Its text.
    pub text: String,
    /// Whether it begins with a `~` that the shell replaces.
    pub has_tilde: bool,
    /// Whether the shell may make other words of it: wildcards and braces.
    pub is_pattern: bool,
}

impl Segment {
    /// The program, as written.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", |word| &word.text)
    }

    /// Whether the program begins with a `~` that the shell replaces.
    pub fn has_tilde(&self) -> bool {
        self.words.first().is_some_and(|word| word.has_tilde)
    }

    /// The program without its directory.
    pub fn name(&self) -> &str {
        self.program().rsplit('/').next().unwrap_or_default()
    }

    /// All words.
    pub fn words(&self) -> impl Iterator<Item = &Word> {
        self.words.iter()
    }

    /// What follows the program.
    pub fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }
}

/// Splits `line`; `None` when any of it is more than we understand.
pub fn parse(line: &str) -> Option<Vec<Segment>> {
    if line.len() > CHARS_MAX || line.chars().any(|c| c.is_control() && c != '\t') {
        return None;
    }
    let mut reader = Reader::default();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => reader.end_word(),
            '\'' => reader.single_quoted(&mut chars)?,
            '"' => reader.double_quoted(&mut chars)?,
            '\\' => reader.quoted(chars.next()?),
            ';' => reader.end_segment()?,
            '&' => {
                chars.next_if_eq(&'&')?;
                reader.end_segment()?;
            }
            '|' => {
                if chars.next_if_eq(&'|').is_none() && chars.peek() == Some(&'&') {
                    return None;
                }
                reader.end_segment()?;
            }
            '>' | '<' | '(' | ')' | '`' | '$' => return None,
            '#' | '=' if reader.word.is_none() => return None,
            '*' | '?' | '[' | ']' | '{' | '}' => {
                reader.bare(c);
                reader.word.get_or_insert_default().is_pattern = true;
            }
            '~' if reader.word.is_none() => {
                reader.bare(c);
                reader.word.get_or_insert_default().has_tilde = true;
            }
            other => reader.bare(other),
        }
    }
    reader.end_segment()?;
    Some(reader.segments)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

#[derive(Default)]
struct Reader {
    segments: Vec<Segment>,
    words: Vec<Word>,
    word: Option<Word>,
}

impl Reader {
    fn bare(&mut self, c: char) {
        self.word.get_or_insert_default().text.push(c);
    }

    fn quoted(&mut self, c: char) {
        self.bare(c);
    }

    fn single_quoted(&mut self, chars: &mut Chars<'_>) -> Option<()> {
        self.word.get_or_insert_default();
        loop {
            match chars.next()? {
                '\'' => return Some(()),
                c => self.quoted(c),
            }
        }
    }

    fn double_quoted(&mut self, chars: &mut Chars<'_>) -> Option<()> {
        self.word.get_or_insert_default();
        loop {
            match chars.next()? {
                '"' => return Some(()),
                '$' | '`' => return None,
                '\\' => match chars.next()? {
                    c @ ('"' | '\\' | '$' | '`') => self.quoted(c),
                    c => {
                        self.quoted('\\');
                        self.quoted(c);
                    }
                },
                c => self.quoted(c),
            }
        }
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    fn end_segment(&mut self) -> Option<()> {
        self.end_word();
        let words = std::mem::take(&mut self.words);
        let program = words.first()?;
        if program.is_pattern || program.text.is_empty() || is_assignment(&program.text) {
            return None;
        }
        self.segments.push(Segment { words });
        Some(())
    }
}

/// Whether a first word sets a variable instead of naming a program.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}
