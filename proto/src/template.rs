//! The fast path of token streams: a frame that equals the one before but for one string needs no parsing.
//!
//! ```text
//! {"id":"c","choices":[{"index":0,"delta":{"content":" token"}}],"obfuscation":"aXk"}
//! ├──────────────── prefix ───────────────────────┤hole├── middle ────────────┤blind├┤ suffix
//! ```
//! A reader that parsed a frame and got exactly one delta out of it says where that delta's string lies. The next frame with the
//! same bytes around one valid JSON string means the same event with another text. Some servers pad every frame with a random
//! string under a key that means nothing; that may be a second gap, whose content is checked and left alone. Some number their
//! frames; a third gap, anywhere, takes a whole number. Some count tokens in every frame; a gap behind the text takes an object,
//! which is given to the reader.
//!
//! This gives the same events as parsing, provided that the reader (a) takes the delta's string for nothing else, (b) does nothing
//! else in that frame that a second such frame would not do again to no effect, and (c) forgets the template as soon as another
//! frame has been parsed. An empty text never matches: readers may look elsewhere for a text where a string is empty.
//!
//! ```
//! use libllm_proto::template::{Delta, DeltaKind, Gaps, Template};
//!
//! let delta = Delta { choice: 0, kind: DeltaKind::Text };
//! let mut template = Template::new();
//! template.learn(br#"{"text":"one"}"#, &Gaps { hole: 9..12, blind: None }, delta);
//! let found = template.find(br#"{"text":"another"}"#).map(|(_, text)| text.owned());
//! assert_eq!(found.as_deref(), Some("another"));
//! assert!(template.find(br#"{"text":"another","more":1}"#).is_none());
//! ```

use std::ops::Range;

use crate::event::Event;
use crate::json::{Cursor, Str};

/// A frame with a gap, and what it means.
#[derive(Debug, Default)]
pub struct Template {
    /// All bytes of the frame but those of the gaps.
    text: Vec<u8>,
    /// Where in `text` the delta's string was.
    hole: usize,
    /// Where in `text` the meaningless string was; the end if there was none.
    blind: usize,
    /// Where in `text` the frame's number was.
    count: Option<usize>,
    /// Where in `text`, behind the hole, the frame's object was.
    object: Option<usize>,
    delta: Option<Delta>,
    /// Templates learned in vain since the last one that matched.
    in_vain: u32,
    off: bool,
}

/// What a template's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Of which answer.
    pub choice: u32,
    /// Of what.
    pub kind: DeltaKind,
}

/// What a delta belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaKind {
    /// The answer.
    Text,
    /// The reasoning.
    Reasoning,
    /// The refusal.
    Refusal,
    /// The arguments of the tool call of this number.
    ToolArgs(u32),
}

impl Delta {
    /// The event that says `text`.
    pub fn event(self, text: &str) -> Event<'_> {
        match self.kind {
            DeltaKind::Text => Event::Text(text),
            DeltaKind::Reasoning => Event::Reasoning(text),
            DeltaKind::Refusal => Event::Refusal(text),
            DeltaKind::ToolArgs(index) => Event::ToolArgs {
                index,
                arguments: text,
            },
        }
    }
}

/// Where the strings of a frame lie that may differ in the next one: ranges between the quotes.
#[derive(Clone, Debug)]
pub struct Gaps {
    /// The delta's string.
    pub hole: Range<usize>,
    /// A string behind it that means nothing.
    pub blind: Option<Range<usize>>,
}

impl Template {
    /// Knows nothing yet.
    pub fn new() -> Template {
        Template::default()
    }

    /// Never learns anything: every frame is parsed. For tests that compare.
    pub fn off() -> Template {
        Template {
            off: true,
            ..Template::default()
        }
    }

    /// What `frame` means, if it is the learned one with another text in the gap. The string is checked, not decoded.
    #[inline]
    pub fn find<'f>(&mut self, frame: &'f [u8]) -> Option<(Delta, Str<'f>)> {
        let delta = self.delta?;
        debug_assert!(self.object.is_none(), "it has a function of its own");
        if let Some(count) = self.count {
            return self.find_counted(count, frame).map(|text| (delta, text));
        }
        let (prefix, behind) = self.text.split_at(self.hole);
        let (middle, suffix) = behind.split_at(self.blind - self.hole);
        // The quotes around a gap belong to the text before and behind it.
        let (text, rest) = string(frame, prefix)?;
        let (rest, end) = match suffix {
            [] => (rest, middle),
            _ => (string(rest, middle)?.1, suffix),
        };
        if text.is_empty() || rest != end {
            return None;
        }
        self.in_vain = 0;
        Some((delta, text))
    }

    /// The same where a number lies at `count` of the text.
    fn find_counted<'f>(&mut self, count: usize, frame: &'f [u8]) -> Option<Str<'f>> {
        let (prefix, behind) = self.text.split_at(self.hole);
        let (middle, suffix) = behind.split_at(self.blind - self.hole);
        let within =
            |start: usize, part: &[u8]| count.checked_sub(start).filter(|at| *at < part.len());
        let (text, mut rest) = counted_string(frame, prefix, within(0, prefix))?;
        let mut last = (self.hole, middle);
        if !suffix.is_empty() {
            let at = frame.len() - rest.len();
            rest = counted_string(&frame[at..], middle, within(self.hole, middle))?.1;
            last = (self.blind, suffix);
        }
        let rest = strip(rest, last.1, within(last.0, last.1))?;
        if text.is_empty() || !rest.is_empty() {
            return None;
        }
        self.in_vain = 0;
        Some(text)
    }

    /// The same for a frame that was learned with an object, which may be another one now: its text comes last.
    #[inline]
    pub fn find_with_object<'f>(&mut self, frame: &'f [u8]) -> Option<(Delta, Str<'f>, &'f [u8])> {
        let (delta, object) = (self.delta?, self.object?);
        let (prefix, behind) = self.text.split_at(self.hole);
        let (middle, suffix) = behind.split_at(object - self.hole);
        let (text, rest) = string(frame, prefix)?;
        let rest = rest.strip_prefix(middle)?;
        if text.is_empty() || rest.first() != Some(&b'{') {
            return None;
        }
        let mut cursor = Cursor::new(rest);
        cursor.skip().ok()?;
        let (object, rest) = rest.split_at(cursor.position());
        if rest != suffix {
            return None;
        }
        self.in_vain = 0;
        Some((delta, text, object))
    }

    /// Remembers a frame that meant exactly this delta and has, behind it, an object in which the next one may differ, too.
    pub fn learn_with_object(
        &mut self,
        frame: &[u8],
        hole: Range<usize>,
        object: Range<usize>,
        delta: Delta,
    ) {
        let plain = [&frame[..object.start], &frame[object.end..]].concat();
        let at = object.start - hole.len();
        self.learn(&plain, &Gaps { hole, blind: None }, delta);
        self.object = self.delta.is_some().then_some(at);
    }

    /// Remembers a frame that meant exactly this delta and has its number at `count`, in which the next one may differ, too.
    pub fn learn_counted(&mut self, frame: &[u8], gaps: &Gaps, count: Range<usize>, delta: Delta) {
        let plain = [&frame[..count.start], &frame[count.end..]].concat();
        let moved = |range: &Range<usize>| {
            let by = if range.start > count.start {
                count.len()
            } else {
                0
            };
            range.start - by..range.end - by
        };
        let moved = Gaps {
            hole: moved(&gaps.hole),
            blind: gaps.blind.as_ref().map(moved),
        };
        self.learn(&plain, &moved, delta);
        // As many bytes were left out before the number as the gaps before it held.
        let gone = |gap: &Range<usize>| {
            if gap.start < count.start {
                gap.len()
            } else {
                0
            }
        };
        let blind = moved
            .blind
            .as_ref()
            .filter(|blind| blind.start > moved.hole.end);
        let at = count.start
            - gone(&gaps.hole)
            - blind.map_or(0, |_| gaps.blind.as_ref().map_or(0, gone));
        self.count = self.delta.is_some().then_some(at);
    }

    /// Remembers a frame that meant exactly this delta.
    pub fn learn(&mut self, frame: &[u8], gaps: &Gaps, delta: Delta) {
        self.forget();
        self.in_vain = self.in_vain.saturating_add(1);
        // Where frames differ in more than the text, copying each of them is wasted: look only now and then.
        if self.off || (self.in_vain > IN_VAIN_MAX && !self.in_vain.is_multiple_of(IN_VAIN_MAX)) {
            return;
        }
        self.text.clear();
        self.text.extend_from_slice(&frame[..gaps.hole.start]);
        self.hole = self.text.len();
        let mut from = gaps.hole.end;
        self.blind = self.text.len() + frame.len() - from;
        if let Some(blind) = gaps.blind.clone().filter(|blind| blind.start > from) {
            self.text.extend_from_slice(&frame[from..blind.start]);
            self.blind = self.text.len();
            from = blind.end;
        }
        self.text.extend_from_slice(&frame[from..]);
        self.delta = Some(delta);
    }

    /// Forgets the frame; to be called whenever another one was parsed.
    #[inline]
    pub fn forget(&mut self) {
        self.delta = None;
        self.count = None;
        self.object = None;
    }
}

/// The string in `frame` whose opening quote is the last byte of `before`, and the bytes from its closing quote on.
#[inline]
fn string<'f>(frame: &'f [u8], before: &[u8]) -> Option<(Str<'f>, &'f [u8])> {
    let rest = frame.strip_prefix(before)?;
    let text = Cursor::string_behind(frame, before.len())?;
    Some((text, &rest[text.raw().len()..]))
}

/// The same where the text before it may hold a number at `count`.
fn counted_string<'f>(
    frame: &'f [u8],
    before: &[u8],
    count: Option<usize>,
) -> Option<(Str<'f>, &'f [u8])> {
    let rest = strip(frame, before, count)?;
    let quote = (frame.len() - rest.len()).checked_sub(1)?;
    let mut cursor = Cursor::new(&frame[quote..]);
    let text = cursor.string().ok()?;
    Some((text, &rest[text.raw().len()..]))
}

/// What follows `text` in `frame`; where `count` says so, a whole number stands in it (RFC 8259 section 6: no zero before others).
fn strip<'f>(frame: &'f [u8], text: &[u8], count: Option<usize>) -> Option<&'f [u8]> {
    let Some(count) = count else {
        return frame.strip_prefix(text);
    };
    let (before, behind) = text.split_at(count);
    let rest = frame.strip_prefix(before)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let zero = digits > 1 && rest[0] == b'0';
    if digits == 0 || digits > DIGITS_MAX || zero {
        return None;
    }
    rest[digits..].strip_prefix(behind)
}

/// More than any counter of frames needs.
const DIGITS_MAX: usize = 15;

/// A few tokens: a stream whose frames do not repeat pays for no more copies than these.
const IN_VAIN_MAX: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Delta = Delta {
        choice: 0,
        kind: DeltaKind::Text,
    };

    fn learned(frame: &str, hole: &str, blind: Option<&str>) -> Template {
        let place = |part: &str| {
            let at = frame.find(part).unwrap();
            at..at + part.len()
        };
        let mut template = Template::new();
        let gaps = Gaps {
            hole: place(hole),
            blind: blind.map(place),
        };
        template.learn(frame.as_bytes(), &gaps, TEXT);
        template
    }

    fn found(template: &mut Template, frame: &str) -> Option<String> {
        template
            .find(frame.as_bytes())
            .map(|(_, text)| text.owned())
    }

    #[test]
    fn a_frame_that_differs_in_the_text_only_matches() {
        let mut template = learned(r#"{"a":"one","b":1}"#, "one", None);
        assert_eq!(
            found(&mut template, r#"{"a":"two","b":1}"#).as_deref(),
            Some("two")
        );
        assert_eq!(
            found(&mut template, r#"{"a":"\"\n\u00e9","b":1}"#).as_deref(),
            Some("\"\né")
        );
        for other in [
            r#"{"a":"two","b":2}"#,
            r#"{"c":"two","b":1}"#,
            r#"{"a":"two","b":1} "#,
            r#"{"a":"two","b":1"#,
            r#"{"a":"two"#,
            r#"{"a":"","b":1}"#,
            r#"{"a":"x","a":"two","b":1}"#,
            r#"{"a":"bad \x","b":1}"#,
            "{\"a\":\"raw \n\",\"b\":1}",
            r#"{"a":7,"b":1}"#,
            "",
        ] {
            assert_eq!(found(&mut template, other), None, "{other}");
        }
    }

    #[test]
    fn padding_behind_the_text_is_checked_and_left_alone() {
        let mut template = learned(r#"{"a":"one","pad":"xyz"}"#, "one", Some("xyz"));
        assert_eq!(
            found(&mut template, r#"{"a":"two","pad":""}"#).as_deref(),
            Some("two")
        );
        assert_eq!(
            found(&mut template, r#"{"a":"3","pad":"\"long"}"#).as_deref(),
            Some("3")
        );
        assert_eq!(found(&mut template, r#"{"a":"3","pad":"\x"}"#), None);
        assert_eq!(
            found(&mut template, r#"{"a":"3","pad":"x","more":1}"#),
            None
        );
        assert_eq!(found(&mut template, r#"{"a":"3","pad":1}"#), None);
    }

    #[test]
    fn a_frames_number_may_be_any_other_wherever_it_stands() {
        for (frame, blind, other) in [
            (
                r#"{"n":7,"a":"one","b":1}"#,
                None,
                r#"{"n":128,"a":"two","b":1}"#,
            ),
            (
                r#"{"a":"one","b":1,"n":7}"#,
                None,
                r#"{"a":"two","b":1,"n":0}"#,
            ),
            (
                r#"{"a":"one","pad":"xyz","n":7}"#,
                Some("xyz"),
                r#"{"a":"two","pad":"","n":10}"#,
            ),
            (
                r#"{"a":"one","n":7,"pad":"xyz"}"#,
                Some("xyz"),
                r#"{"a":"two","n":10,"pad":"q"}"#,
            ),
            (
                r#"{"n":7,"a":"one","pad":"xyz"}"#,
                Some("xyz"),
                r#"{"n":10,"a":"two","pad":"q"}"#,
            ),
        ] {
            let place = |part: &str| frame.find(part).map(|at| at..at + part.len());
            let (hole, count) = (place("one").unwrap(), place("7").unwrap());
            let gaps = Gaps {
                hole,
                blind: blind.and_then(place),
            };
            let mut template = Template::new();
            template.learn_counted(frame.as_bytes(), &gaps, count, TEXT);
            for _ in 0..2 {
                assert_eq!(
                    found(&mut template, other).as_deref(),
                    Some("two"),
                    "{frame}"
                );
                assert_eq!(
                    found(&mut template, frame).as_deref(),
                    Some("one"),
                    "{frame}"
                );
            }
            for digits in ["", "-1", "01", "1.5", "1e2", "null", "1234567890123456"] {
                let bad = frame.replace('7', digits);
                assert_eq!(found(&mut template, &bad), None, "{bad}");
            }
            assert_eq!(found(&mut template, &frame.replace("one", "")), None);
            assert_eq!(found(&mut template, &format!("{frame} ")), None);
            template.forget();
            assert_eq!(found(&mut template, frame), None);
        }
    }

    #[test]
    fn an_object_behind_the_text_may_be_any_other() {
        let frame = r#"{"a":"one","b":1,"n":{"c":1},"z":[]}"#;
        let place = |part: &str| frame.find(part).map(|at| at..at + part.len());
        let (hole, object) = (place("one").unwrap(), place(r#"{"c":1}"#).unwrap());
        let mut template = Template::new();
        template.learn_with_object(frame.as_bytes(), hole, object, TEXT);
        let mut found = |frame: &str| {
            let (_, text, object) = template.find_with_object(frame.as_bytes())?;
            Some((
                text.owned().to_string(),
                String::from_utf8_lossy(object).into_owned(),
            ))
        };
        for (text, object) in [
            ("two", r#"{"c":{"d":[2]}}"#),
            ("\\n", "{}"),
            ("one", r#"{ "c" : 1 }"#),
        ] {
            let other = frame.replace("one", text).replace(r#"{"c":1}"#, object);
            let expected = (text.replace("\\n", "\n"), object.to_owned());
            assert_eq!(found(&other), Some(expected), "{other}");
        }
        for bad in ["{\"c\":1", "[]", "null", "", "{\"c\":01}", "{},{}", "{} "] {
            let other = frame.replace(r#"{"c":1}"#, bad);
            assert_eq!(found(&other), None, "{other}");
        }
        for (from, to) in [
            ("one", ""),
            ("\"b\":1", "\"b\":2"),
            ("\"z\":[]", "\"z\":[1]"),
        ] {
            assert_eq!(found(&frame.replace(from, to)), None);
        }
        assert_eq!(found(&frame[..frame.len() - 1]), None);
        template.forget();
        assert!(template.find_with_object(frame.as_bytes()).is_none());
    }

    #[test]
    fn what_is_forgotten_matches_no_more() {
        let mut template = learned(r#"{"a":"one"}"#, "one", None);
        template.forget();
        assert_eq!(found(&mut template, r#"{"a":"one"}"#), None);
        let mut off = Template::off();
        off.learn(
            br#"{"a":"one"}"#,
            &Gaps {
                hole: 6..9,
                blind: None,
            },
            TEXT,
        );
        assert_eq!(found(&mut off, r#"{"a":"one"}"#), None);
    }

    #[test]
    fn a_stream_that_never_repeats_is_copied_now_and_then_only() {
        let mut template = Template::new();
        let mut copies = 0;
        for number in 1000..1100 {
            let frame = format!(r#"{{"a":"one","n":{number}}}"#);
            assert_eq!(found(&mut template, &frame), None);
            template.learn(
                frame.as_bytes(),
                &Gaps {
                    hole: 6..9,
                    blind: None,
                },
                TEXT,
            );
            copies += usize::from(template.delta.is_some());
        }
        assert!((8..25).contains(&copies), "{copies}");
    }
}
