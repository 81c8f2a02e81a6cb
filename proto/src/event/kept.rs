//! Events that are kept longer than one read: an answer that grows while others read along, and is stored when it is whole.

use super::{Batch, Event, Stored, Tag};

/// How far somebody has read in a batch that grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    event: usize,
    /// Bytes of that event's delta that were read already.
    byte: usize,
}

impl Batch {
    /// Copies the events of `other` in behind those that are here. A delta joins the one before it until that is `max` bytes
    /// long, and one that is longer becomes several: what is read again comes in pieces, too.
    pub fn keep(&mut self, other: &Batch, max: usize) {
        for (choice, event) in other.iter() {
            match event {
                Event::Text(text) => self.keep_delta(choice, Event::Text, text, max),
                Event::Reasoning(text) => self.keep_delta(choice, Event::Reasoning, text, max),
                Event::Refusal(text) => self.keep_delta(choice, Event::Refusal, text, max),
                Event::ToolArgs { index, arguments } => {
                    let make = |arguments| Event::ToolArgs { index, arguments };
                    self.keep_delta(choice, make, arguments, max);
                }
                whole => self.push(choice, whole),
            }
        }
    }

    fn keep_delta<'t>(
        &mut self,
        choice: u32,
        make: impl Fn(&'t str) -> Event<'t>,
        mut text: &'t str,
        max: usize,
    ) {
        while !text.is_empty() {
            let last = self.stored.last();
            let room = max.saturating_sub(last.map_or(0, Stored::len));
            let head = match text.floor_char_boundary(room) {
                // A character at least, as an event of its own.
                0 => text.floor_char_boundary(max.max(4)),
                head => head,
            };
            self.joins = room >= head;
            self.push(choice, make(&text[..head]));
            text = &text[head..];
        }
        self.joins = false;
    }

    /// Copies what came behind `place` to `out`, and says where the end is now. What was read of a delta is not read again.
    pub fn since(&self, place: Place, out: &mut Batch) -> Place {
        for (number, stored) in self.stored.iter().enumerate().skip(place.event) {
            match number == place.event {
                true => {
                    let rest = Stored {
                        start: stored.start + place.byte,
                        mid: stored.mid + place.byte,
                        ..*stored
                    };
                    out.push(stored.choice, self.view(&rest));
                }
                false => out.push(stored.choice, self.view(stored)),
            }
        }
        self.end()
    }

    /// The place behind all that is here.
    pub fn end(&self) -> Place {
        match self.stored.last() {
            // It may yet grow.
            Some(last) if last.is_delta() => Place {
                event: self.stored.len() - 1,
                byte: last.len(),
            },
            _ => Place {
                event: self.stored.len(),
                byte: 0,
            },
        }
    }

    /// Gives back the memory that nothing is kept in.
    pub fn shrink(&mut self) {
        self.stored.shrink_to_fit();
        self.data.shrink_to_fit();
        self.raw.shrink_to_fit();
        self.usages.shrink_to_fit();
    }

    /// Bytes that keeping it takes, counts of tokens and their source text included.
    pub fn cost(&self) -> usize {
        let usages = self.usages.iter();
        let raw: usize = usages
            .map(|usage| usage.raw.as_ref().map_or(0, |raw| raw.len()))
            .sum();
        size_of::<Batch>()
            + size_of_val(&*self.stored)
            + size_of_val(&*self.usages)
            + self.bytes()
            + raw
    }
}

impl Stored {
    fn len(&self) -> usize {
        self.end - self.start
    }

    fn is_delta(&self) -> bool {
        matches!(
            self.tag,
            Tag::Text | Tag::Reasoning | Tag::Refusal | Tag::ToolArgs
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Finish, Usage};

    fn events(batch: &Batch) -> Vec<String> {
        batch
            .iter()
            .map(|(choice, event)| format!("{choice} {event:?}"))
            .collect()
    }

    fn batch(events: &[(u32, Event<'_>)]) -> Batch {
        let mut batch = Batch::new();
        for (choice, event) in events {
            batch.push(*choice, event.clone());
        }
        batch
    }

    fn args(index: u32, arguments: &str) -> Event<'_> {
        Event::ToolArgs { index, arguments }
    }

    #[test]
    fn deltas_are_joined_up_to_a_size_and_split_above_it() {
        let mut kept = Batch::new();
        kept.keep(
            &batch(&[(0, Event::Text("abc")), (0, Event::Text("de"))]),
            4,
        );
        kept.keep(&batch(&[(0, Event::Text("f"))]), 4);
        assert_eq!(events(&kept), [r#"0 Text("abcd")"#, r#"0 Text("ef")"#]);
        let mut kept = Batch::new();
        kept.keep(&batch(&[(0, Event::Text("aéééé"))]), 4);
        let texts: Vec<String> = events(&kept);
        assert_eq!(
            texts,
            [r#"0 Text("aé")"#, r#"0 Text("éé")"#, r#"0 Text("é")"#]
        );
        let mut kept = Batch::new();
        kept.keep(
            &batch(&[
                (0, Event::Reasoning("ab")),
                (0, Event::Text("c")),
                (1, Event::Text("d")),
            ]),
            9,
        );
        kept.keep(
            &batch(&[(1, args(0, "{")), (1, args(1, "[")), (1, args(1, "]"))]),
            9,
        );
        assert_eq!(
            events(&kept),
            [
                r#"0 Reasoning("ab")"#,
                r#"0 Text("c")"#,
                r#"1 Text("d")"#,
                r#"1 ToolArgs { index: 0, arguments: "{" }"#,
                r#"1 ToolArgs { index: 1, arguments: "[]" }"#
            ]
        );
    }

    #[test]
    fn who_reads_along_gets_everything_once_wherever_they_look() {
        let call = Event::ToolCall {
            index: 0,
            id: None,
            name: "f",
        };
        let whole = [
            (
                0,
                Event::Start {
                    id: Some("i"),
                    model: None,
                },
            ),
            (0, Event::Text("one ")),
            (0, Event::Text("two ")),
            (1, Event::Text("three")),
            (1, Event::Text(" four")),
            (0, call),
            (0, args(0, "{\"a\"")),
            (0, args(0, ":1}")),
            (
                0,
                Event::Usage(Usage {
                    prompt_tokens: Some(1),
                    ..Usage::default()
                }),
            ),
            (
                0,
                Event::Finish {
                    reason: Some(Finish::Stop),
                    raw: None,
                },
            ),
        ];
        let mut expected = Batch::new();
        expected.keep(&batch(&whole), 1 << 20);
        // Every set of moments at which somebody looks.
        for moments in 0..1u32 << whole.len() {
            let (mut kept, mut place, mut read) = (Batch::new(), Place::default(), Batch::new());
            let mut look = |kept: &Batch| {
                let mut news = Batch::new();
                place = kept.since(place, &mut news);
                read.keep(&news, 1 << 20);
            };
            for (number, event) in whole.iter().enumerate() {
                kept.keep(&batch(std::slice::from_ref(event)), 1 << 20);
                if moments & 1 << number != 0 {
                    look(&kept);
                }
            }
            look(&kept);
            look(&kept);
            assert_eq!(events(&read), events(&expected), "{moments:b}");
        }
    }

    #[test]
    fn what_it_costs_grows_with_what_is_kept() {
        let mut kept = Batch::new();
        let empty = kept.cost();
        kept.keep(&batch(&[(0, Event::Text("0123456789"))]), 64);
        assert_eq!(kept.cost(), empty + size_of::<Stored>() + 10);
        kept.shrink();
        assert_eq!((kept.memory(), kept.len()), (10, 1));
    }
}
