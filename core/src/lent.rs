//! What a consumer holds of a queue: events until its next poll, and the buffers they came in.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::Status;
use crate::live::Live;
use crate::queue::EventType;

/// One event as the consumer gets it.
#[derive(Debug)]
pub struct Delivered {
    /// The request it belongs to; 0 for a log line.
    pub request: u64,
    /// As given at submission.
    pub user_data: usize,
    /// What it carries.
    pub kind: EventType,
    /// [`Status::Ok`] except in an error.
    pub status: Status,
    /// Which of n answers.
    pub choice: u32,
    /// 1 for the first provider tried.
    pub attempt: u32,
    /// Which tool call; the level of a log line.
    pub index: u32,
    /// Microseconds from submission to the arrival of the (first) bytes.
    pub at_us: u64,
    // NUL-terminated while it is lent.
    pub(crate) data: Vec<u8>,
    pub(crate) live: Option<Arc<Live>>,
}

impl Delivered {
    /// The payload.
    pub fn data(&self) -> &[u8] {
        self.data
            .split_last()
            .map(|(_, data)| data)
            .unwrap_or_default()
    }

    /// The payload as text; empty for bytes that are none (raw events).
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.data()).unwrap_or_default()
    }

    /// The payload and the NUL byte that follows it.
    pub fn data_with_nul(&self) -> &[u8] {
        &self.data
    }
}

/// What the consumer holds, and the buffers of what it held before.
#[derive(Debug, Default)]
pub(crate) struct Lent {
    pub(crate) events: Vec<Delivered>,
    pub(crate) spare: Vec<Vec<u8>>,
}

impl Lent {
    /// Takes the buffers back of what was lent.
    pub(crate) fn give_back(&mut self) {
        for event in self.events.drain(..) {
            if self.spare.len() < SPARE_MAX && event.data.capacity() <= SPARE_BYTES_MAX {
                self.spare.push(event.data);
            }
        }
    }

    /// Makes ready what was taken; returns how many bytes no longer wait.
    pub(crate) fn receive(&mut self) -> usize {
        let mut freed = 0;
        for event in &mut self.events {
            let size = event.data.len() + EVENT_COST;
            let live = event.live.take();
            match event.kind {
                EventType::Log => freed += size,
                kind if kind.is_free() => {}
                _ => {
                    freed += size;
                    if let Some(live) = live {
                        live.held.fetch_sub(size, Ordering::Relaxed);
                    }
                }
            }
            event.data.push(0);
        }
        freed
    }
}

/// What an event costs beside its payload.
pub(crate) const EVENT_COST: usize = size_of::<Delivered>();
/// Buffers that are kept for reuse; a larger or further one goes back to the allocator.
pub(crate) const SPARE_MAX: usize = 1024;
pub(crate) const SPARE_BYTES_MAX: usize = 4 << 10;
