//! Tags whole, in pieces, alone, nested, and in code.

use proptest::prelude::*;

use super::*;

/// Text and thinking of a reply that comes in these pieces.
fn read(mut tags: ThinkTags, pieces: &[&str]) -> (String, String) {
    let mut heard = Vec::new();
    for piece in pieces {
        tags.hear(piece, &mut heard);
    }
    tags.end(&mut heard);
    let (mut text, mut thinking) = (String::new(), String::new());
    for it in heard {
        match it {
            Heard::Text(more) => text.push_str(&more),
            Heard::Thinking(more) => thinking.push_str(&more),
            Heard::TextWasThinking => thinking.push_str(&std::mem::take(&mut text)),
        }
    }
    (text, thinking)
}

const CASES: &[(&str, &str, &str)] = &[
    ("<think>plan</think>hello", "hello", "plan"),
    ("<think>plan</think>\n\nhello", "hello", "plan"),
    ("plan\n</think>\n\nhello", "hello", "plan\n"),
    ("<Thinking >plan</ thinking>hello", "hello", "plan"),
    ("<reasoning>a</reasoning>b<thought>c</thought>d", "bd", "ac"),
    ("<think>a<think>b</think>c</think>hello", "hello", "a<think>bc"),
    ("<think>plan</think><final>hello</final>", "hello", "plan"),
    ("<think></think>hello", "hello", ""),
    ("◁think▷plan◁/think▷hello", "hello", "plan"),
    ("[THINK]plan[/THINK]hello", "hello", "plan"),
    ("<think>use `</think>` to end</think>hello", "hello", "use `</think>` to end"),
    ("<think>an odd ` here</think>hello", "hello", "an odd ` here"),
    ("<think>never closed", "", "never closed"),
    ("`<think>` is a tag", "`<think>` is a tag", ""),
    ("``a ` <think>`` b", "``a ` <think>`` b", ""),
    ("```\n<think>x</think>\n```\ndone", "```\n<think>x</think>\n```\ndone", ""),
    ("~~~~\n~~~\n</think>\n~~~~\ndone", "~~~~\n~~~\n</think>\n~~~~\ndone", ""),
    ("an odd ` here\n\n<think>x</think>y", "an odd ` here\n\ny", "x"),
    ("a < b and [c] <p>", "a < b and [c] <p>", ""),
    ("ends with <th", "ends with <th", ""),
    ("<thinkers> are no tag", "<thinkers> are no tag", ""),
];

#[test]
fn thinking_is_told_from_text() {
    for (reply, text, thinking) in CASES {
        let read = read(ThinkTags::default(), &[reply]);

        assert_eq!(read, ((*text).to_owned(), (*thinking).to_owned()), "{reply}");
    }
}

#[test]
fn a_model_known_to_begin_with_thinking_shows_none_of_it() {
    let mut tags = ThinkTags::opened();
    let mut heard = Vec::new();
    tags.hear("plan <b>", &mut heard);

    assert_eq!(heard, []);
    assert_eq!(read(ThinkTags::opened(), &["plan", "</think>hi"]), ("hi".into(), "plan".into()));
    assert_eq!(read(ThinkTags::opened(), &["no plan"]), ("no plan".into(), String::new()));
    assert_eq!(read(ThinkTags::opened(), &["<think>p</think>hi"]), ("hi".into(), "p".into()));
}

proptest! {
    #[test]
    fn where_a_reply_is_cut_makes_no_difference(case in 0..CASES.len(), cuts in prop::collection::vec(1_usize..5, 1..9)) {
        let (reply, text, thinking) = CASES[case];
        let mut rest: Vec<char> = reply.chars().collect();
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let piece: String = rest.drain(..(*cut).min(rest.len())).collect();
            pieces.push(piece);
        }
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();

        // Whether a tag is quoted by backticks in thinking shows only when both are there.
        prop_assume!(!reply.contains("use `</think>`"));
        prop_assert_eq!(read(ThinkTags::default(), &pieces), (text.to_owned(), thinking.to_owned()));
    }

    #[test]
    fn plain_text_passes_unchanged(text in "[a-z <>/`~\n\\[\\]]{0,60}", cut in 0_usize..60) {
        prop_assume!(!text.contains("think") && !text.contains("final") && !text.contains("thought"));
        let cut = cut.min(text.len());

        let read = read(ThinkTags::default(), &[&text[..cut], &text[cut..]]);

        prop_assert_eq!(read, (text, String::new()));
    }
}
