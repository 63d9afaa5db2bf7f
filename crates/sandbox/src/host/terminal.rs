//! The part of a terminal that programs talk to: where is the cursor?
//!
//! Programs that ask wait for an answer, so nobody at the other end means a hang. The
//! question is taken out of the output and always answered with the first row and column.

/// The answer to the question for the cursor's position.
pub(crate) const CURSOR_AT_HOME: &[u8] = b"\x1b[1;1R";

/// The two spellings of the question.
const QUESTIONS: [&[u8]; 2] = [b"\x1b[6n", b"\x1b[?6n"];

/// Finds cursor questions in output that arrives in pieces.
#[derive(Debug, Default)]
pub(crate) struct CursorQuestions {
    /// The end of the last piece, if it may be the beginning of a question.
    held: Vec<u8>,
}

impl CursorQuestions {
    /// Takes the questions out of `piece`; says what is left and how many there were.
    pub(crate) fn take(&mut self, piece: &[u8]) -> (Vec<u8>, usize) {
        let mut left = Vec::with_capacity(self.held.len() + piece.len());
        let mut count = 0;
        for &byte in piece {
            self.held.push(byte);
            if QUESTIONS.contains(&self.held.as_slice()) {
                self.held.clear();
                count += 1;
            } else if !self.may_become_a_question() {
                // Only the byte just added can begin a new question.
                self.held.pop();
                left.append(&mut self.held);
                self.held.push(byte);
                if !self.may_become_a_question() {
                    left.append(&mut self.held);
                }
            }
        }
        (left, count)
    }

    /// What is still held when the output ends.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn may_become_a_question(&self) -> bool {
        QUESTIONS.iter().any(|question| question.starts_with(&self.held))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn questions_are_found_across_pieces_and_near_misses_pass() {
        let mut questions = CursorQuestions::default();

        assert_eq!(questions.take(b"a\x1b[6nb\x1b"), (b"ab".to_vec(), 1));
        assert_eq!(questions.take(b"[?"), (Vec::new(), 0));
        assert_eq!(questions.take(b"6n\x1b[6m\x1b\x1b[6n"), (b"\x1b[6m\x1b".to_vec(), 2));
        assert_eq!(questions.take(b"\x1b["), (Vec::new(), 0));
        assert_eq!(questions.rest(), b"\x1b[");
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[\u{1b}\\[?6na]{0,40}", cut in 0_usize..41) {
            let bytes = text.as_bytes();
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));

            let mut whole = CursorQuestions::default();
            let (mut at_once, count) = whole.take(bytes);
            at_once.extend(whole.rest());
            let mut parts = CursorQuestions::default();
            let (mut in_two, first) = parts.take(head);
            let (second, more) = parts.take(tail);
            in_two.extend(second);
            in_two.extend(parts.rest());

            prop_assert_eq!((at_once, count), (in_two, first + more));
        }
    }
}
