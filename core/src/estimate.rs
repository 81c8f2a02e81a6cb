//! How many tokens a conversation is where nobody can be asked: an answer that is made here and says that it is an estimate.

use std::time::Duration;

use libllm_proto::event::Batch;
use libllm_proto::operation::{self, tokens};
use libllm_proto::wire::Operation;

use crate::call::Job;
use crate::clock;
use crate::error::Result;
use crate::report::{self, Record};
use crate::ticket::Ticket;

/// Whether the first target has no endpoint that counts.
pub(crate) fn is_due(job: &Job) -> bool {
    let counts = job.asked.operation == Operation::CountTokens;
    counts && !operation::knows(job.candidates[0].wire, Operation::CountTokens)
}

/// Tells the estimate.
pub(crate) async fn tell(job: &Job, ticket: &mut Ticket, record: &mut Record) -> Result<()> {
    let candidate = &job.candidates[0];
    ticket.set_attempt(1);
    record.begin(candidate, job.keeps_text());
    let count = tokens::estimate(&job.request)?;
    let mut batch = Batch::new();
    batch.push_result(tokens::result(count, tokens::Source::Estimated), None);
    let now = clock::now();
    ticket.route(report::route(record, 1), now);
    record.response.absorb(&batch);
    let stall = candidate.timeouts.consumer_stall;
    ticket
        .deliver(&batch, &candidate.provider.id, now, stall)
        .await?;
    record.end(candidate, None, Duration::ZERO);
    Ok(())
}
