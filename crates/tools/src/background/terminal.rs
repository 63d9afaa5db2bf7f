//! Answers what a program asks of its terminal. Pure.

/// Says that the cursor is in the first column of the first row.
pub(super) const CURSOR_ANSWER: &[u8] = b"\x1b[1;1R";

/// How programs ask where the cursor is.
const CURSOR_QUERIES: [&[u8]; 2] = [b"\x1b[6n", b"\x1b[?6n"];

/// Finds cursor queries in a stream whose chunks may split them.
#[derive(Clone, Debug, Default)]
pub(super) struct Queries {
    /// The beginning of what may become a query.
    begun: Vec<u8>,
}

impl Queries {
    /// The bytes without queries, and how many there were.
    pub(super) fn take_out(&mut self, bytes: &[u8]) -> (Vec<u8>, usize) {
        let mut input = std::mem::take(&mut self.begun);
        input.extend_from_slice(bytes);
        let mut kept = Vec::with_capacity(input.len());
        let mut asked = 0;
        let mut rest = input.as_slice();
        while let Some(at) = rest.iter().position(|byte| *byte == 0x1b) {
            let (before, from_escape) = rest.split_at(at);
            kept.extend_from_slice(before);
            if let Some(query) = CURSOR_QUERIES.iter().find(|q| from_escape.starts_with(q)) {
                asked += 1;
                rest = &from_escape[query.len()..];
            } else if CURSOR_QUERIES.iter().any(|q| q.starts_with(from_escape)) {
                self.begun = from_escape.to_vec();
                return (kept, asked);
            } else {
                kept.push(0x1b);
                rest = &from_escape[1..];
            }
        }
        kept.extend_from_slice(rest);
        (kept, asked)
    }

    /// What was held back when the stream ends.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_taken_out_even_when_split() {
        let mut queries = Queries::default();

        assert_eq!(queries.take_out(b"a\x1b[6nb\x1b[31mc\x1b[?"), (b"ab\x1b[31mc".to_vec(), 1));
        assert_eq!(queries.take_out(b"6nd\x1b"), (b"d".to_vec(), 1));
        assert_eq!(queries.rest(), b"\x1b");
    }
}
