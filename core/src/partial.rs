//! An answer that was cut after it had begun: void and asked for again, or gone on with by a model that is given its beginning.

use std::borrow::Cow;

use libllm_proto::event::Usage;
use libllm_proto::provider::Prefill;
use libllm_proto::response::Response;
use libllm_proto::wire::Operation;
use serde_json::{Value, json};

use crate::call::{Course, Job};
use crate::config::{OnPartial, Price};
use crate::cost::{Cost, Meter};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::plan::Candidate;
use crate::report::{Reason, Record};
use crate::request::Request;
use crate::target::Target;

/// The beginning of an answer that others go on with.
#[derive(Debug)]
pub(crate) struct Continued {
    text: String,
}

/// What attempts before the present one took, as far as they said.
#[derive(Debug, Default)]
pub(crate) struct Paid(Vec<Bill>);

#[derive(Debug)]
struct Bill {
    usage: Usage,
    target: Target,
    price: Option<Price>,
    /// What it was for is not void: its tokens are the answer's.
    counts: bool,
}

/// Sets the course for another attempt after one whose answer was cut, if there may be one.
pub(crate) fn again(
    job: &Job,
    course: &mut Course,
    error: &Error,
    record: &mut Record,
) -> Result<()> {
    if job.on_partial == OnPartial::Restart {
        course.cut = Some(Reason::Restart);
        return Ok(());
    }
    let text = match beginning(job, record) {
        Some(text) if error.retry() != Retry::Never => text.to_owned(),
        _ => return Err(error.clone()),
    };
    // Who cannot go on with it is not asked.
    for (index, candidate) in job.candidates.iter().enumerate() {
        if candidate.provider.quirks.prefill.is_none() {
            course.tried |= 1 << index;
        }
    }
    let here = job.candidates[course.current].provider.quirks.prefill;
    let other = || (job.candidates).another(course.current, course.tried, error, &job.request);
    if here.is_none() && other().is_none() {
        return Err(error.clone());
    }
    course.cut = Some(Reason::Continue);
    record.put_by(true);
    record.continued = Some(Box::new(Continued { text }));
    Ok(())
}

/// What has come of an answer that can be gone on with: text, and nothing whose rest nobody else can make.
fn beginning<'r>(job: &Job, record: &'r Record) -> Option<&'r str> {
    let [choice] = record.response.choices() else {
        return None;
    };
    // A form that the whole must have is not the rest's own.
    let formed = job.request.field("response_format").is_some();
    let sealed = !choice.parts.is_empty() || !choice.tool_calls.is_empty();
    // What the model has ended has no rest: only the end of its stream is lost.
    let open = choice.finish.is_none() && !sealed;
    let plain = !formed && open && choice.refusal.is_empty() && !record.screened;
    let asked = job.asked.operation == Operation::Chat && job.request.n() <= 1;
    (plain && asked && !choice.text.is_empty()).then_some(&choice.text)
}

/// The request with the beginning of its answer, in the words of this target; as it is if there is none.
pub(crate) fn begun<'r>(
    request: Cow<'r, Request>,
    candidate: &Candidate,
    record: &Record,
) -> Result<Cow<'r, Request>> {
    let how = candidate.provider.quirks.prefill;
    let Some(continued) = &record.continued else {
        return Ok(request);
    };
    let Some(how) = how else {
        let why = "it cannot go on with the beginning of an answer";
        return Err(Error::new(ErrorKind::Unsupported, why).with_retry(Retry::Elsewhere));
    };
    let messages = request.field("messages").unwrap_or(b"[]");
    let mut messages: Vec<Value> = serde_json::from_slice(messages).unwrap_or_default();
    let mut last = json!({ "role": "assistant", "content": continued.text });
    if how == Prefill::Prefix {
        last["prefix"] = true.into();
    }
    messages.push(last);
    let mut made = request.with("messages", &messages.into())?;
    if how == Prefill::Final {
        made = made.with("continue_final_message", &true.into())?;
        made = made.with("add_generation_prompt", &false.into())?;
    }
    Ok(Cow::Owned(made))
}

impl Record {
    /// Another attempt begins: what came before it is no part of its answer, unless it goes on with that.
    pub(crate) fn renew(&mut self, keep_text: bool) {
        self.put_by(self.continued.is_some());
        if self.continued.is_none() {
            self.response = Response::default();
            self.response.keep_text(keep_text);
        }
    }

    /// What the present attempt took is put by: another follows. `counts` says whether that is part of what the answer took.
    pub(crate) fn put_by(&mut self, counts: bool) {
        let usage = self.response.take_usage();
        self.put(usage, self.target.clone(), self.price.clone(), counts);
    }

    /// The same of an attempt at this target.
    pub(crate) fn put(
        &mut self,
        usage: Option<Usage>,
        target: Target,
        price: Option<Price>,
        counts: bool,
    ) {
        if let Some(usage) = usage {
            let bill = Bill {
                usage,
                target,
                price,
                counts,
            };
            self.paid.get_or_insert_default().0.push(bill);
        }
    }

    /// Takes over what attempts before this one took.
    pub(crate) fn take_paid(&mut self, before: &mut Record) {
        before.put_by(false);
        if let Some(paid) = before.paid.take() {
            self.paid.get_or_insert_default().0.splice(0..0, paid.0);
        }
    }

    /// What the call cost, each attempt by its own target's prices: nobody knows if nobody knows of one that said what it took.
    pub(crate) fn costs(&self, meter: &Meter) -> Cost {
        let own = match &self.voices {
            _ if self.cached => return Cost::nothing(),
            Some(voices) => Some(voices.cost()),
            None => (self.response.usage())
                .map(|usage| meter.cost(Some(usage), &self.target, self.price.as_ref())),
        };
        let paid = self.paid.iter().flat_map(|paid| &paid.0);
        let paid =
            paid.map(|bill| meter.cost(Some(&bill.usage), &bill.target, bill.price.as_ref()));
        own.into_iter()
            .chain(paid)
            .reduce(Cost::and)
            .unwrap_or_default()
    }

    /// The call is over: its usage is that of all attempts whose answers are parts of what was told.
    pub(crate) fn add_up(&mut self) {
        let Some(paid) = self.paid.take() else {
            return;
        };
        let last = self.response.take_usage();
        let parts = paid.0.into_iter().filter(|bill| bill.counts);
        let parts = parts.map(|bill| Some(bill.usage));
        self.response.set_usage(parts.chain([last]).fold(None, sum));
    }
}

/// What both took, where each is known as far as either is.
pub(crate) fn sum(one: Option<Usage>, other: Option<Usage>) -> Option<Usage> {
    let (one, other) = match (one, other) {
        (Some(one), Some(other)) => (one, other),
        (one, other) => return one.or(other),
    };
    let add = |field: fn(&Usage) -> Option<u64>| match (field(&one), field(&other)) {
        (None, None) => None,
        (one, other) => Some(one.unwrap_or(0).saturating_add(other.unwrap_or(0))),
    };
    Some(Usage {
        prompt_tokens: add(|usage| usage.prompt_tokens),
        completion_tokens: add(|usage| usage.completion_tokens),
        total_tokens: add(|usage| usage.total_tokens),
        cached_tokens: add(|usage| usage.cached_tokens),
        cache_write_tokens: add(|usage| usage.cache_write_tokens),
        cache_write_hour_tokens: add(|usage| usage.cache_write_hour_tokens),
        reasoning_tokens: add(|usage| usage.reasoning_tokens),
        audio_prompt_tokens: add(|usage| usage.audio_prompt_tokens),
        audio_completion_tokens: add(|usage| usage.audio_completion_tokens),
        // Of both or of neither: half a bill is none.
        cost_microusd: one
            .cost_microusd
            .zip(other.cost_microusd)
            .map(|(one, other)| one.saturating_add(other)),
        raw: other.raw,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_of_two_is_what_both_said() {
        let of = |prompt: u64, completion: Option<u64>, cost| Usage {
            prompt_tokens: Some(prompt),
            completion_tokens: completion,
            cost_microusd: cost,
            ..Usage::default()
        };
        assert_eq!(sum(None, None), None);
        assert_eq!(sum(Some(of(3, None, None)), None), Some(of(3, None, None)));
        let both = sum(Some(of(3, None, Some(7))), Some(of(5, Some(2), None)));
        assert_eq!(both, Some(of(8, Some(2), None)));
        let both = sum(Some(of(3, Some(1), Some(7))), Some(of(5, Some(2), Some(1))));
        assert_eq!(both, Some(of(8, Some(3), Some(8))));
    }
}
