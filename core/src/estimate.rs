//! How many tokens a conversation is where nobody need be asked, or nobody can: an answer that is made here, by the model's own
//! vocabulary where one is at hand, or an estimate that says so.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use libllm_proto::event::Batch;
use libllm_proto::operation;
use libllm_proto::operation::tokens::{self, Source, Spoken};
use libllm_proto::wire::Operation;

use crate::call::Job;
use crate::catalog::Vocabulary;
use crate::clock;
use crate::error::Result;
use crate::report::{self, Record};
use crate::ticket::Ticket;

/// Whether the first target has no endpoint that counts, or a vocabulary is at hand that does.
pub(crate) fn is_due(job: &Job) -> bool {
    let first = &job.candidates[0];
    let (operation, model) = (Operation::CountTokens, first.target.model());
    job.asked.operation == operation
        && (!operation::serves(first.wire, operation, model, &first.provider.quirks)
            || matches!(countable(job), Ok(Some(_))))
}

/// What a vocabulary can count, and that vocabulary.
fn countable(job: &Job) -> Result<Option<(&Vocabulary, Spoken)>> {
    let Some(vocabulary) = job.catalog.vocabulary(&job.candidates[0].target) else {
        return Ok(None);
    };
    Ok(tokens::spoken(&job.request)?.map(|spoken| (vocabulary, spoken)))
}

/// Tells the number.
pub(crate) async fn tell(job: &Job, ticket: &mut Ticket, record: &mut Record) -> Result<()> {
    let candidate = &job.candidates[0];
    ticket.set_attempt(1);
    record.begin(candidate, job.keeps_text());
    let exact = match countable(job)? {
        Some((vocabulary, spoken)) => count(vocabulary, &spoken).await,
        None => None,
    };
    let (count, source) = match exact {
        Some(count) => (count, Source::Tokenizer),
        None => (tokens::estimate(&job.request)?, Source::Estimated),
    };
    let mut batch = Batch::new();
    batch.push_result(tokens::result(count, source), None);
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

/// Counts, and lets others on this thread have their turns meanwhile.
async fn count(vocabulary: &Vocabulary, spoken: &Spoken) -> Option<u64> {
    let mut tokens = vocabulary.around(spoken);
    for text in &spoken.texts {
        let mut at = 0;
        while at < text.len() {
            let (more, to) = vocabulary.tokenizer.count_from(text, at, AT_ONCE)?;
            (tokens, at) = (tokens + more, to);
            if at < text.len() {
                others().await;
            }
        }
    }
    Some(tokens)
}

/// Whoever else is on this thread goes first.
async fn others() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Bytes that take about a millisecond.
const AT_ONCE: usize = 16 << 10;
