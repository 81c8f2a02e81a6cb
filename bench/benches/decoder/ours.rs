//! An answer's bytes through the decoder, as a call of libllm reads them: one reused batch, cleared at each read.

use std::time::SystemTime;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::event::{Batch, Event};
use libllm_proto::provider::Quirks;
use libllm_proto::wire::anthropic::Anthropic;
use libllm_proto::wire::openai_chat::OpenaiChat;
use libllm_proto::wire::{Exchange, Head, Operation, Wire};

/// Chat Completions.
pub(crate) const CHAT: &dyn Wire = &OpenaiChat;
/// Anthropic's Messages.
pub(crate) const MESSAGES: &dyn Wire = &Anthropic;

/// A decoder before the first byte of a streamed answer.
pub(crate) fn decoder(wire: &'static dyn Wire) -> Decoder {
    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        packed: false,
        answer_tool: false,
    };
    let mut head = Head::new(200);
    let event_stream = "text/event-stream; charset=utf-8"
        .parse()
        .expect("a header value");
    head.headers.insert("content-type", event_stream);
    Decoder::new(
        wire,
        &exchange,
        head,
        Limits::default(),
        false,
        SystemTime::UNIX_EPOCH,
    )
}

/// Feeds the reads; gives `take` each delta of text or arguments.
pub(crate) fn decode<'a>(
    wire: &'static dyn Wire,
    reads: impl Iterator<Item = &'a [u8]>,
    batch: &mut Batch,
    mut take: impl FnMut(&str),
) {
    let mut decoder = decoder(wire);
    for read in reads {
        batch.clear();
        decoder
            .push(read, batch)
            .expect("the bench's own answers are well-formed");
        deltas(batch, &mut take);
    }
    batch.clear();
    decoder
        .finish(End::Clean, batch)
        .expect("the bench's own answers are whole");
    deltas(batch, &mut take);
}

/// Gives `take` each delta of text or arguments that waits.
pub(crate) fn deltas(batch: &Batch, take: &mut impl FnMut(&str)) {
    for (_, event) in batch.iter() {
        match event {
            Event::Text(text) => take(text),
            Event::ToolArgs { arguments, .. } => take(arguments),
            _ => {}
        }
    }
}
