//! How a response ended.

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, Finish};
use crate::refusal;

use super::said::Response;

/// What the status means.
pub(super) enum End {
    /// The answer is whole, as far as it will ever be.
    Whole,
    /// It goes on elsewhere: a `background` response that was only accepted.
    Later,
}

/// Says the end, or is the error that it is. API reference, "The response object": completed, failed, in_progress, cancelled,
/// queued or incomplete.
pub(super) fn push(response: &Response<'_>, calls: bool, batch: &mut Batch) -> Result<End> {
    let status = response.status.map(|status| status.owned());
    let status = status.as_deref().unwrap_or(COMPLETED);
    if let Some(error) = response.error {
        let unsaid = || failed(status);
        return Err(refusal::from_value(error, true).unwrap_or_else(unsaid));
    }
    let (reason, raw) = match status {
        COMPLETED if calls => (Some(Finish::ToolCalls), status.to_owned()),
        COMPLETED => (Some(Finish::Stop), status.to_owned()),
        "incomplete" => {
            let why = response.reason.map(|why| why.owned());
            (
                why.as_deref().and_then(cut_short),
                why.unwrap_or(status.to_owned()),
            )
        }
        "failed" | "cancelled" | "canceled" => return Err(failed(status)),
        _ => (None, status.to_owned()),
    };
    let raw = Some(raw.as_str());
    batch.push(0, Event::Finish { reason, raw });
    Ok(match status {
        "queued" | "in_progress" => End::Later,
        _ => End::Whole,
    })
}

/// A status that is left out says that nothing went wrong.
const COMPLETED: &str = "completed";

/// `incomplete_details.reason`.
fn cut_short(why: &str) -> Option<Finish> {
    match why {
        // The second is what servers say that translate from Chat Completions.
        "max_output_tokens" | "max_tokens" | "length" => Some(Finish::Length),
        "content_filter" => Some(Finish::ContentFilter),
        _ => None,
    }
}

fn failed(status: &str) -> Error {
    let message = format!("the provider ends the answer with {status}");
    Error::new(ErrorKind::ProviderError, message)
}
