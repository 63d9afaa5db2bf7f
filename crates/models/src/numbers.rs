//! Numbers in the words of providers: sizes that say what did not fit.

/// Words around a size of the prompt, in lower case.
const PROMPT: &[&str] =
    &["token", "length", "context", "prompt", "input", "上下文", "长度", "输入", "提示词", "字符"];

/// Words for a bound that was passed.
const BOUND: &[&str] = &[
    "exceed",
    "maximum",
    "max",
    "limit",
    "longer than",
    "larger than",
    "too long",
    "too large",
    "too many",
    "greater than",
    "at most",
    "less than",
    "超",
    "最大",
    "上限",
    "限制",
    "不能",
    "不得",
];

/// Words of other limits: of the reply, and per time.
const OTHER: &[&str] = &[
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "completion token",
    "output token",
    "per minute",
    "per day",
    "per second",
    "per hour",
    "tpm",
    "rpm",
    "rate",
    "quota",
    "每分钟",
    "频率",
    "temperature",
    "top_p",
    "tools",
    "function",
    "tool_call",
    "schema",
    "image",
];

/// Least size that counts as one of a prompt.
const SIZE_MIN: u64 = 512;

/// The whole numbers in `text`; `1,000` is one number.
pub(crate) fn of(text: &str) -> impl Iterator<Item = u64> + '_ {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(|c: char| c.is_ascii_digit())?;
            let from = &rest[start..];
            let bytes = from.as_bytes();
            let mut end = 0;
            let mut number: Option<u64> = Some(0);
            while let Some(&byte) = bytes.get(end) {
                let groups = byte == b','
                    && bytes
                        .get(end + 1..end + 4)
                        .is_some_and(|it| it.iter().all(u8::is_ascii_digit))
                    && bytes.get(end + 4).is_none_or(|it| !it.is_ascii_digit());
                if byte.is_ascii_digit() {
                    let digit = u64::from(byte - b'0');
                    number = number.and_then(|it| it.checked_mul(10)?.checked_add(digit));
                } else if !groups {
                    break;
                }
                end += 1;
            }
            rest = &from[end..];
            if number.is_some() {
                return number;
            }
        }
    })
}

/// Whether `words` (in lower case) tell by their numbers that a prompt exceeds a bound: a size
/// and a smaller bound, in no other matter.
pub(crate) fn tell_of_overflow(words: &str) -> bool {
    let says = |list: &[&str]| list.iter().any(|text| words.contains(text));
    if !says(PROMPT) || !says(BOUND) || says(OTHER) {
        return false;
    }
    let mut sizes: Vec<u64> = of(words).filter(|&number| number >= SIZE_MIN).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes.len() >= 2
}

/// The window and the size of the prompt that `words` (in lower case) tell.
pub(crate) fn window_and_prompt(words: &str) -> Option<(u64, u64)> {
    let after = |names: &[&str]| {
        names.iter().find_map(|name| of(&words[words.find(name)? + name.len()..]).next())
    };
    let before =
        |names: &[&str]| names.iter().find_map(|name| of(&words[..words.find(name)?]).last());
    let window = after(&["maximum context length is", "context length of", "must be <=", " > "])?;
    let prompt = before(&[" in the messages", " in the input", " input tokens", " prompt tokens"])
        .or_else(|| after(&["given:", "context limit:"]))?;
    Some((window, prompt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_with_and_without_groups() {
        assert_eq!(of("a 1,024 b 7, 8 c-9").collect::<Vec<_>>(), [1024, 7, 8, 9]);
        assert_eq!(of("99999999999999999999999 5").collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn two_sizes_and_a_bound_tell_of_an_overflow() {
        for words in [
            "input length 135000 exceeds the maximum length 131072",
            "输入 135000 超过最大 131072",
            "requested tokens (9,000) exceed context of 8,192",
        ] {
            assert!(tell_of_overflow(words), "{words}");
        }
        for words in [
            "max_tokens 100000 exceeds 4096",
            "limit 8000 tokens per minute, requested 9000",
            "the length of tools exceeds 128",
            "model m-4096 has no context 2048",
        ] {
            assert!(!tell_of_overflow(words), "{words}");
        }
    }

    #[test]
    fn window_and_prompt_are_told_apart() {
        let vllm = "this model's maximum context length is 8192 tokens and your request has 308 input tokens";
        let anthropic =
            "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000";

        assert_eq!(window_and_prompt(vllm), Some((8192, 308)));
        assert_eq!(window_and_prompt(anthropic), Some((200_000, 188_240)));
        assert_eq!(window_and_prompt("too long"), None);
    }
}
