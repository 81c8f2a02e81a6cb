//! Events as bytes, for whoever keeps an answer outside of this process: every one with its choice, nothing joined, nothing lost.
//!
//! Numbers are little-endian, texts and bytes stand behind their length. Bytes that nobody here has written are `None`, never a panic.

use std::sync::Arc;

use super::{Batch, Event, Finish, PartKind, Usage};

impl Batch {
    /// Appends all events to `out`.
    pub fn pack(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.len() as u32).to_le_bytes());
        for (choice, event) in self.iter() {
            pack(choice, &event, out);
        }
    }

    /// The events that [`Batch::pack`] wrote, and nothing but them.
    pub fn unpack(bytes: &[u8]) -> Option<Batch> {
        let mut packed = Packed(bytes);
        let mut batch = Batch::new();
        for _ in 0..packed.number()? {
            unpack(&mut packed, &mut batch)?;
        }
        packed.0.is_empty().then_some(batch)
    }
}

fn pack(choice: u32, event: &Event<'_>, out: &mut Vec<u8>) {
    let mut head = |kind: u8| {
        out.push(kind);
        out.extend_from_slice(&choice.to_le_bytes());
    };
    match event {
        Event::Start { id, model } => {
            head(0);
            maybe(*id, out);
            maybe(*model, out);
        }
        Event::Text(text) => {
            head(1);
            bytes(text.as_bytes(), out);
        }
        Event::Reasoning(text) => {
            head(2);
            bytes(text.as_bytes(), out);
        }
        Event::Refusal(text) => {
            head(3);
            bytes(text.as_bytes(), out);
        }
        Event::ToolCall { index, id, name } => {
            head(4);
            out.extend_from_slice(&index.to_le_bytes());
            maybe(*id, out);
            bytes(name.as_bytes(), out);
        }
        Event::ToolArgs { index, arguments } => {
            head(5);
            out.extend_from_slice(&index.to_le_bytes());
            bytes(arguments.as_bytes(), out);
        }
        Event::Part { kind, index, json } => {
            head(6);
            out.extend_from_slice(&index.to_le_bytes());
            bytes(kind.name().as_bytes(), out);
            bytes(json.as_bytes(), out);
        }
        Event::Usage(usage) => {
            head(7);
            for count in counts(&mut usage.clone()) {
                out.push(count.is_some().into());
                out.extend_from_slice(&count.unwrap_or_default().to_le_bytes());
            }
            maybe(usage.raw.as_deref(), out);
        }
        Event::Finish { reason, raw } => {
            head(8);
            maybe(reason.map(Finish::name), out);
            maybe(*raw, out);
        }
        Event::Raw(raw) => {
            head(9);
            bytes(raw, out);
        }
        Event::Result { media_type, data } => {
            head(10);
            maybe(*media_type, out);
            bytes(data, out);
        }
    }
}

fn unpack(packed: &mut Packed<'_>, batch: &mut Batch) -> Option<()> {
    let kind = packed.byte()?;
    let choice = packed.number()?;
    match kind {
        0 => {
            let (id, model) = (packed.maybe()?, packed.maybe()?);
            batch.push(choice, Event::Start { id, model });
        }
        1 => batch.push(choice, Event::Text(packed.text()?)),
        2 => batch.push(choice, Event::Reasoning(packed.text()?)),
        3 => batch.push(choice, Event::Refusal(packed.text()?)),
        4 => {
            let index = packed.number()?;
            let (id, name) = (packed.maybe()?, packed.text()?);
            batch.push(choice, Event::ToolCall { index, id, name });
        }
        5 => {
            let (index, arguments) = (packed.number()?, packed.text()?);
            batch.push(choice, Event::ToolArgs { index, arguments });
        }
        6 => {
            let index = packed.number()?;
            let (name, json) = (packed.text()?, packed.text()?);
            let kind = *PARTS.iter().find(|kind| kind.name() == name)?;
            batch.push(choice, Event::Part { kind, index, json });
        }
        7 => {
            let mut usage = Usage::default();
            for count in counts(&mut usage) {
                let known = packed.byte()? != 0;
                let said = u64::from_le_bytes(packed.take(8)?.try_into().ok()?);
                *count = known.then_some(said);
            }
            usage.raw = packed.maybe()?.map(Arc::from);
            batch.push(choice, Event::Usage(usage));
        }
        8 => {
            let reason = match packed.maybe()? {
                None => None,
                Some(name) => Some(*FINISHES.iter().find(|finish| finish.name() == name)?),
            };
            let raw = packed.maybe()?;
            batch.push(choice, Event::Finish { reason, raw });
        }
        9 => batch.push(choice, Event::Raw(packed.bytes()?)),
        10 => {
            let media_type = packed.maybe()?;
            let data = packed.bytes()?;
            batch.push(choice, Event::Result { media_type, data });
        }
        _ => return None,
    }
    Some(())
}

fn counts(usage: &mut Usage) -> [&mut Option<u64>; 10] {
    [
        &mut usage.prompt_tokens,
        &mut usage.completion_tokens,
        &mut usage.total_tokens,
        &mut usage.cached_tokens,
        &mut usage.cache_write_tokens,
        &mut usage.cache_write_hour_tokens,
        &mut usage.reasoning_tokens,
        &mut usage.audio_prompt_tokens,
        &mut usage.audio_completion_tokens,
        &mut usage.cost_microusd,
    ]
}

fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn maybe(text: Option<&str>, out: &mut Vec<u8>) {
    out.push(text.is_some().into());
    if let Some(text) = text {
        bytes(text.as_bytes(), out);
    }
}

/// What is still to be read.
struct Packed<'b>(&'b [u8]);

impl<'b> Packed<'b> {
    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<&'b [u8]> {
        let len = self.number()?;
        self.take(len as usize)
    }

    fn text(&mut self) -> Option<&'b str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    // The outer one: whether the bytes are good; the inner one: whether there was a text.
    fn maybe(&mut self) -> Option<Option<&'b str>> {
        match self.byte()? {
            0 => Some(None),
            _ => self.text().map(Some),
        }
    }
}

const PARTS: [PartKind; 9] = [
    PartKind::Signature,
    PartKind::Redacted,
    PartKind::Encrypted,
    PartKind::Citation,
    PartKind::ServerTool,
    PartKind::Image,
    PartKind::Audio,
    PartKind::Plan,
    PartKind::CustomTool,
];

const FINISHES: [Finish; 4] = [
    Finish::Stop,
    Finish::Length,
    Finish::ToolCalls,
    Finish::ContentFilter,
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn everything() -> Batch {
        let mut batch = Batch::new();
        let start = |id, model| Event::Start { id, model };
        batch.push(0, start(Some("c"), None));
        batch.push(0, start(None, Some("")));
        for text in ["a", "b", "ünï"] {
            batch.push(7, Event::Text(text));
            batch.push(7, Event::Reasoning(text));
            batch.push(7, Event::Refusal(text));
        }
        for (index, id) in [(0, None), (5, Some("call"))] {
            let name = "f";
            batch.push(1, Event::ToolCall { index, id, name });
            let arguments = "{\"a\":\u{1}";
            batch.push(1, Event::ToolArgs { index, arguments });
        }
        for (index, kind) in (0..).zip(PARTS) {
            let json = "{}";
            batch.push(0, Event::Part { kind, index, json });
        }
        for raw in [None, Some(Arc::from("{\"x\":1}"))] {
            let mut usage = Usage {
                raw,
                ..Usage::default()
            };
            batch.push(0, Event::Usage(usage.clone()));
            for (number, count) in (0..).zip(counts(&mut usage)) {
                *count = Some(u64::MAX - number);
            }
            batch.push(0, Event::Usage(usage));
        }
        for reason in FINISHES.map(Some).into_iter().chain([None]) {
            let raw = Some("end_turn");
            batch.push(0, Event::Finish { reason, raw });
        }
        batch.push(0, Event::Raw(b"\xff\x00"));
        batch.push_result(b"[0.5]".to_vec(), Some("x/y".to_owned()));
        batch
    }

    #[test]
    fn comes_back_as_it_was() {
        let batch = everything();
        let mut packed = Vec::new();
        batch.pack(&mut packed);
        let again = Batch::unpack(&packed).unwrap();
        assert!(batch.iter().eq(again.iter()), "{again:?}");
        assert_eq!(batch.cost(), again.cost());
    }

    #[test]
    fn what_is_cut_or_longer_is_nothing() {
        let mut packed = Vec::new();
        everything().pack(&mut packed);
        for end in 0..packed.len() {
            assert!(Batch::unpack(&packed[..end]).is_none(), "{end}");
        }
        packed.push(0);
        assert!(Batch::unpack(&packed).is_none());
    }

    #[test]
    fn any_byte_may_be_wrong() {
        let mut packed = Vec::new();
        everything().pack(&mut packed);
        for at in 0..packed.len() {
            for wrong in [0, 1, 0x7f, 0xff] {
                let mut broken = packed.clone();
                broken[at] = wrong;
                // Whatever comes of it fits into what was there.
                if let Some(batch) = Batch::unpack(&broken) {
                    assert!(batch.bytes() <= broken.len());
                }
            }
        }
    }
}
