//! What a target cannot take by its limits, before anything is sent: for those who ask for that.

use std::borrow::Cow;

use libllm_proto::chat::Report;
use libllm_proto::estimate::prompt_tokens;
use libllm_proto::json::Cursor;
use libllm_proto::wire::{Dropped, Unsupported};

use crate::catalog::Known;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::request::Request;

/// The request as it is sent, and what is another than the caller wrote.
pub(crate) type Checked<'r> = (Cow<'r, Request>, Vec<Dropped>);

/// Holds a request against what is known of its target: an answer may not be longer than the model's longest, nor a prompt than its
/// window, as far as its length can be told.
pub(crate) fn check<'r>(
    request: &'r Request,
    known: &Known,
    unsupported: Unsupported,
) -> Result<Checked<'r>> {
    let mut report = Report::new(unsupported);
    if report.passes() {
        return Ok((Cow::Borrowed(request), Vec::new()));
    }
    prompt(request.source(), known)?;
    let mut checked = Cow::Borrowed(request);
    for name in LONGEST {
        let asked = request.field(name);
        let asked = asked.and_then(|json| Cursor::new(json).count().ok()?);
        let (Some(asked), Some(most)) = (asked, known.output_max) else {
            continue;
        };
        if asked > most {
            report.clamped(
                name,
                format!("{asked}, and the model's longest answer has {most} tokens"),
            )?;
            checked = Cow::Owned(checked.with(name, &most.into())?);
        }
    }
    Ok((checked, report.finish()))
}

/// The same of a request that goes as it came: it cannot be changed, only refused.
pub(crate) fn prompt(json: &[u8], known: &Known) -> Result<()> {
    let about = prompt_tokens(json);
    match known.context.filter(|most| about > *most) {
        None => Ok(()),
        Some(most) => {
            let message =
                format!("the prompt has about {about} tokens, and the model takes {most}");
            let error = Error::new(ErrorKind::ContextLength, message);
            Err(error.with_retry(Retry::Elsewhere))
        }
    }
}

/// What a request calls the longest answer that is wanted: Chat Completions old and new, and Responses.
const LONGEST: [&str; 3] = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
