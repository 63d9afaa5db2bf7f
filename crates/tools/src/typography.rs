//! Typographic characters and their plain forms, which models mix up. Pure.

/// The plain form of a character.
pub(crate) fn plain(c: char) -> char {
    match c {
        '\u{2018}'..='\u{201b}' => '\'',
        '\u{201c}'..='\u{201f}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        c if is_exotic_space(c) => ' ',
        c => c,
    }
}

/// Whether a character is a space of another kind than the usual one.
pub(crate) fn is_exotic_space(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}
