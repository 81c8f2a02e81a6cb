//! A stream without what was found in it: the end of what has come is held back as long as it may still become a match.

use super::scan::{Found, Shape, Wanted};

/// One text that comes piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    held: String,
    /// What was let go last.
    before: Option<char>,
}

impl Redactor {
    /// Takes a piece; appends to `out` what may go: without what was found in it, if that is to be masked. What was found is returned.
    pub(crate) fn push(
        &mut self,
        wanted: &Wanted,
        masks: bool,
        piece: &str,
        out: &mut String,
    ) -> Vec<Shape> {
        self.held.push_str(piece);
        let found = wanted.find(&self.held, self.before);
        let mut end = wanted.undecided(&self.held);
        // A match that reaches into what is undecided may grow; one that ends before it cannot.
        if let Some(open) = found.iter().find(|found| found.at.end > end) {
            end = end.min(open.at.start);
        }
        self.release(&found, end, masks, out)
    }

    /// Nothing more comes: lets the rest go.
    pub(crate) fn finish(&mut self, wanted: &Wanted, masks: bool, out: &mut String) -> Vec<Shape> {
        let found = wanted.find(&self.held, self.before);
        self.release(&found, self.held.len(), masks, out)
    }

    fn release(
        &mut self,
        found: &[Found],
        end: usize,
        masks: bool,
        out: &mut String,
    ) -> Vec<Shape> {
        let mut shapes = Vec::new();
        let mut from = 0;
        for found in found.iter().take_while(|found| found.at.end <= end) {
            out.push_str(&self.held[from..found.at.start]);
            out.push_str(match masks {
                true => found.shape.mask(),
                false => &self.held[found.at.clone()],
            });
            shapes.push(found.shape);
            from = found.at.end;
        }
        out.push_str(&self.held[from..end]);
        self.before = self.held[..end].chars().next_back().or(self.before);
        self.held.drain(..end);
        shapes
    }
}

/// A whole text without what is wanted in it, and what that was; nothing if there is none.
pub(crate) fn whole(wanted: &Wanted, text: &str) -> Option<(String, Vec<Shape>)> {
    let mut redactor = Redactor {
        held: text.to_owned(),
        before: None,
    };
    let mut out = String::with_capacity(text.len());
    let shapes = redactor.finish(wanted, true, &mut out);
    (!shapes.is_empty()).then_some((out, shapes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            shapes: vec![
                Shape::Email,
                Shape::Phone,
                Shape::Card,
                Shape::Iban,
                Shape::Secret,
            ],
            words: vec!["project x".into()],
        }
    }

    const TEXT: &str = "Hi, Jo: jo.doe@mail.example.com, card 4111 1111 1111 1111 or 4242-4242-4242-4242. IBAN DE89 3704 0044 0532 0130 00, \
                        +44 20 7946 0958; project X and AKIAIOSFODNN7EXAMPLE é 12 and 3.";
    const CLEAN: &str = "Hi, Jo: [EMAIL], card [CARD] or [CARD]. IBAN [IBAN], [PHONE]; [WORD] and [SECRET] é 12 and 3.";

    #[test]
    fn is_the_same_however_the_text_is_cut() {
        assert_eq!(whole(&wanted(), TEXT).unwrap().0, CLEAN);
        for step in 1..40 {
            let (mut redactor, mut out, mut count) = (Redactor::default(), String::new(), 0);
            let mut rest = TEXT;
            while !rest.is_empty() {
                let (piece, left) = rest.split_at(rest.ceil_char_boundary(step.min(rest.len())));
                count += redactor.push(&wanted(), true, piece, &mut out).len();
                rest = left;
            }
            count += redactor.finish(&wanted(), true, &mut out).len();
            assert_eq!((&*out, count), (CLEAN, 7), "pieces of {step}");
        }
    }

    #[test]
    fn prose_is_held_back_by_a_word_and_no_more() {
        let (mut redactor, mut out) = (Redactor::default(), String::new());
        redactor.push(&wanted(), true, "The answer is that nobody ", &mut out);
        assert!(out.len() >= "The answer is tha".len(), "{out:?}");
        redactor.push(&wanted(), true, &"x".repeat(100_000), &mut out);
        assert!(out.len() > 90_000, "what is held back has a bound");
    }
}
