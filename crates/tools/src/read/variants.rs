//! How macOS may spell a file name that a model wrote in the plain way. Pure.

use unicode_normalization::UnicodeNormalization;

/// Other spellings of `path`, likeliest first.
pub(super) fn of(path: &str) -> Vec<String> {
    let clock = [" AM", " PM", " am", " pm"].into_iter().fold(path.to_owned(), |text, half| {
        let half = half.trim_start();
        text.replace(&format!(" {half}."), &format!("\u{202f}{half}."))
    });
    let curly = path.replace('\'', "\u{2019}");
    let decomposed: String = path.nfd().collect();
    let both = decomposed.replace('\'', "\u{2019}");
    let mut variants: Vec<String> = Vec::new();
    for variant in [clock, decomposed, curly, both] {
        if variant != path && !variants.contains(&variant) {
            variants.push(variant);
        }
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screenshots_accents_and_apostrophes_are_tried() {
        assert_eq!(of("Shot at 9.41 AM.png"), ["Shot at 9.41\u{202f}AM.png"]);
        assert_eq!(of("é'"), ["e\u{301}'", "é\u{2019}", "e\u{301}\u{2019}"]);
        assert!(of("plain.txt").is_empty());
    }
}
