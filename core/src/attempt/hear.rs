//! An answer that is heard to its end before any of it is handed over.

use std::time::Duration;

use libllm_proto::event::Batch;

use super::Live;
use crate::error::{Phase, Result};
use crate::report::Record;
use crate::source::spare;
use crate::ticket::Ticket;

impl Live {
    /// All that comes, as it may leave. A pause is a pause for all that are heard, at most `stall`.
    pub(crate) async fn hear(
        &mut self,
        stall: Duration,
        ticket: &Ticket,
        record: &mut Record,
    ) -> Result<Vec<Batch>> {
        let mut heard = Vec::new();
        loop {
            if let Some(mut batch) = self.batch.take() {
                if let Some(screen) = &mut self.screen {
                    screen.pass(&mut batch, self.ended.is_some(), record)?;
                }
                record.response.absorb(&batch);
                heard.push(*batch);
            }
            if let Some(ended) = self.ended.take() {
                let ending = ended.map_err(|error| error.with_phase(Phase::Stream))?;
                record.incomplete = ending.incomplete;
                record.response.finish(!ending.incomplete);
                if let Some(screen) = &mut self.screen {
                    screen.check(record)?;
                }
                record.last_bytes = Some(self.at);
                return Ok(heard);
            }
            let read = loop {
                if ticket.live().is_paused() {
                    let waiting = std::pin::pin!(ticket.wait_while_paused(stall));
                    self.source.meanwhile(waiting).await?;
                    self.source.touch();
                }
                let read = self.source.read(ticket.live()).await;
                if let Some(read) = read.map_err(|error| error.with_phase(Phase::Stream))? {
                    break read;
                }
            };
            let mut batch = spare::take(ticket.joins());
            let Live {
                source, decoder, ..
            } = self;
            self.ended = source.decode(read, decoder, &mut batch).await.transpose();
            self.at = self.source.last_bytes;
            if batch.has_item() {
                record.piece(self.at);
            }
            self.batch = Some(batch);
        }
    }
}
