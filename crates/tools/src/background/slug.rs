//! Ids of processes: short, and easy to say and to type. Pure but for [`random`].

const ADJECTIVES: [&str; 40] = [
    "amber", "bold", "brave", "brisk", "calm", "clear", "coral", "crisp", "deep", "eager", "fair",
    "fast", "fresh", "gentle", "golden", "grand", "happy", "keen", "kind", "lively", "lucky",
    "mellow", "mild", "neat", "nimble", "pale", "plain", "proud", "quick", "quiet", "rapid",
    "sharp", "silver", "smooth", "steady", "sunny", "swift", "tidy", "warm", "young",
];

const NOUNS: [&str; 40] = [
    "acorn", "badger", "beacon", "birch", "breeze", "brook", "cedar", "cliff", "cloud", "comet",
    "creek", "dune", "falcon", "fern", "fjord", "fox", "glade", "harbor", "hazel", "heron",
    "island", "lake", "lark", "maple", "meadow", "mesa", "moss", "otter", "pebble", "pine", "reef",
    "ridge", "river", "robin", "shell", "spruce", "summit", "tide", "valley", "willow",
];

/// Highest number that is put behind two words before a third is taken.
const SUFFIX_MAX: usize = 12;

/// An id that is not `taken`. `pick(n)` chooses below `n`.
pub(super) fn fresh(mut pick: impl FnMut(usize) -> usize, taken: impl Fn(&str) -> bool) -> String {
    let mut word = |words: &[&'static str]| words.get(pick(words.len())).copied().unwrap_or("odd");
    let two = format!("{}-{}", word(&ADJECTIVES), word(&NOUNS));
    let three = format!("{two}-{}", word(&NOUNS));
    let numbered = |base: &str, last: usize| {
        let base = base.to_owned();
        (2..=last).map(move |n| format!("{base}-{n}"))
    };
    std::iter::once(two.clone())
        .chain(numbered(&two, SUFFIX_MAX))
        .chain(std::iter::once(three.clone()))
        .chain(numbered(&three, usize::MAX))
        .find(|id| !taken(id))
        .unwrap_or(three)
}

/// Chooses below `n`, which is small.
pub(super) fn random(n: usize) -> usize {
    let number = getrandom::u32().unwrap_or_default();
    usize::try_from(number).unwrap_or_default() % n.max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn collisions_get_a_number_then_a_third_word() {
        let mut taken = BTreeSet::new();
        for _ in 0..14 {
            let id = fresh(|_| 0, |id| taken.contains(id));
            assert!(taken.insert(id));
        }

        assert!(taken.contains("amber-acorn") && taken.contains("amber-acorn-12"), "{taken:?}");
        assert!(taken.contains("amber-acorn-acorn") && taken.contains("amber-acorn-acorn-2"));
    }
}
