//! Decoding of event streams: 1000 chunks as a model sends them.

use bytes::Bytes;
use divan::Bencher;
use futures_util::FutureExt as _;
use models::sse::Events;

const CHUNKS: usize = 1000;

fn main() {
    divan::main();
}

fn chunks() -> Vec<Bytes> {
    let chunk = |n: usize| {
        Bytes::from(format!(
            "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"word{n} \"}}}}]}}\n\n"
        ))
    };
    (0..CHUNKS).map(chunk).collect()
}

/// Reads all events; whether all were there.
fn read(chunks: Vec<Bytes>) -> bool {
    let bytes = futures_util::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
    let mut events = Events::new(bytes);
    let count = async {
        let mut count = 0;
        while let Some(Ok(event)) = events.next().await {
            count += usize::from(!divan::black_box(event).is_empty());
        }
        count
    };
    count.now_or_never() == Some(CHUNKS)
}

#[divan::bench]
fn thousand_chunks(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(chunks).bench_values(|chunks| assert!(read(chunks)));
}

#[divan::bench]
fn thousand_chunks_in_one_read(bencher: Bencher<'_, '_>) {
    bencher
        .with_inputs(|| vec![Bytes::from(chunks().concat())])
        .bench_values(|chunks| assert!(read(chunks)));
}
