//! Streams in the forms that servers send, cut anywhere.

use proptest::prelude::*;

use super::*;

fn read(chunks: Vec<Bytes>) -> Result<Vec<String>, SseError> {
    let bytes = futures_util::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
    let mut events = Events::new(bytes);
    futures_util::FutureExt::now_or_never(async {
        let mut all = Vec::new();
        while let Some(event) = events.next().await {
            all.push(event?);
            events.progressed();
        }
        Ok(all)
    })
    .expect("an in-memory stream is always ready")
}

fn read_text(text: &'static str) -> Result<Vec<String>, SseError> {
    read(vec![Bytes::from_static(text.as_bytes())])
}

#[test]
fn a_last_event_without_a_blank_line_counts() {
    assert_eq!(read_text("data: a\n\nevent: x\n\ndata: b").unwrap(), ["a", "b"]);
}

#[test]
fn events_that_say_nothing_are_skipped() {
    let text =
        "data\n\ndata:\n\ndata: \n\nevent: ping\n\n: hi\n\nid: 7\nretry: 1\n\nodd\n\ndata:a\n\n";

    assert_eq!(read_text(text).unwrap(), ["a"]);
}

#[test]
fn events_parted_by_a_line_break_alone_are_kept_apart() {
    let text = "data: {\"a\":1}\ndata: {\"b\":2}\ndata: [DONE]\n\n";

    assert_eq!(read_text(text).unwrap(), ["{\"a\":1}", "{\"b\":2}", "[DONE]"]);
    assert_eq!(read_text("data: {\ndata: }\n\n").unwrap(), ["{\n}"]);
}

#[test]
fn json_is_read_whole_by_lines_and_in_lists() {
    assert_eq!(read_text("\n {\n \"a\": \"}\\\"\"\n}\n").unwrap(), ["{\n \"a\": \"}\\\"\"\n}"]);
    assert_eq!(read_text("{\"a\":1}\n{\"b\":[{}]}\n").unwrap(), ["{\"a\":1}", "{\"b\":[{}]}"]);
    assert_eq!(read_text("[{\"a\":1}\n, {\"b\":2}]").unwrap(), ["{\"a\":1}", "{\"b\":2}"]);
    assert_eq!(read_text("data: x\n\n{\"a\":1}\ndata: y").unwrap(), ["x", "{\"a\":1}", "y"]);
}

#[test]
fn an_endless_event_is_refused() {
    let chunk = Bytes::from(vec![b'x'; 1024 * 1024]);
    for beginning in ["data: ", "data: x\ndata: ", "{\"a\": \"", ": "] {
        let mut chunks = vec![Bytes::from_static(beginning.as_bytes())];
        chunks.extend(std::iter::repeat_n(chunk.clone(), 9));

        assert!(matches!(read(chunks), Err(SseError::TooLarge)), "{beginning}");
    }
}

#[test]
fn endless_comments_are_refused() {
    let chunk = Bytes::from(": keep-alive\n\n".repeat(100_000));

    assert!(matches!(read(vec![chunk; 20]), Err(SseError::NoProgress)));
}

#[test]
fn many_events_may_together_exceed_the_bounds() {
    let event = Bytes::from(format!("data: {}\r\n\r\n", "x".repeat(1024 * 1024)));

    assert_eq!(read(vec![event; 20]).unwrap().len(), 20);
}

#[test]
fn a_web_page_is_said_to_be_one() {
    assert!(matches!(read_text(" <html>\n<body>hi</body>"), Err(SseError::WebPage)));
}

proptest! {
    #[test]
    fn events_do_not_depend_on_where_the_bytes_are_cut(cuts in prop::collection::vec(1_usize..9, 1..40)) {
        let text = "\u{feff}: hi\r\ndata: \u{e4}\u{20ac}\u{1f600}\r\n\r\nevent: x\ndata: 1\ndata: 2\n\ndata: 3\r\rdata: end";
        let mut rest = Bytes::from_static(text.as_bytes());
        let mut chunks = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            chunks.push(rest.split_to((*cut).min(rest.len())));
        }

        prop_assert_eq!(read(chunks).unwrap(), ["\u{e4}\u{20ac}\u{1f600}", "1\n2", "3", "end"]);
    }
}
