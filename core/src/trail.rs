//! The trail of a call: each attempt at a target, how it ended, what it took and what that cost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use libllm_proto::event::Usage;
use libllm_proto::json::write::Object;

use crate::config::Provider;
use crate::cost::Cost;
use crate::error::{Error, Status};
use crate::policy::cause::Cause;
use crate::report::{Reason, Record};
use crate::target::Target;

/// One try at one target.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) target: Target,
    pub(crate) reason: Reason,
    /// The list of fallbacks that the target is from.
    pub(crate) cause: Option<Cause>,
    pub(crate) status: Status,
    pub(crate) kind: Option<&'static str>,
    pub(crate) http_status: Option<u16>,
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "told with spans"))]
    pub(crate) began: Instant,
    pub(crate) took: Duration,
    pub(crate) message: Option<String>,
    /// What its target said that it used. Most attempts that failed said nothing.
    pub(crate) used: Option<Box<Used>>,
    /// Its number in its trace, and who was asked.
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "told with spans"))]
    pub(crate) span: u64,
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "told with spans"))]
    pub(crate) asked: Option<Arc<Provider>>,
}

/// What an attempt used of what somebody pays for, and what that cost.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    usage: Usage,
    cost: Cost,
}

impl Record {
    /// The present attempt, which is over.
    pub(crate) fn attempt(&self, error: Option<&Error>, took: Duration) -> Attempt {
        Attempt {
            target: self.target.clone(),
            reason: self.reason,
            cause: self.cause,
            status: error.map_or(Status::Ok, Error::status),
            kind: error.map(|error| error.kind().name()),
            http_status: error.and_then(Error::http_status),
            began: self.begun,
            took,
            message: error.map(|error| error.message().to_owned()),
            used: self.used(),
            span: self.span,
            asked: self.asked.clone(),
        }
    }

    fn used(&self) -> Option<Box<Used>> {
        let (usage, meter) = (self.spent()?, self.meter.as_ref());
        let cost = meter.map(|meter| meter.cost(Some(usage), &self.target, self.price.as_ref()));
        Some(Box::new(Used {
            usage: usage.clone(),
            cost: cost.unwrap_or_default(),
        }))
    }
}

/// An attempt's JSON in events.
pub(crate) fn tell(object: &mut Object<'_>, attempt: &Attempt) {
    object
        .text("provider", attempt.target.provider())
        .text("model", attempt.target.model())
        .text("reason", attempt.reason.name());
    if let Some(cause) = attempt.cause {
        object.text("cause", cause.name());
    }
    outcome(object, attempt);
}

/// What an event and a line of the call log say alike of an attempt.
pub(crate) fn outcome(object: &mut Object<'_>, attempt: &Attempt) {
    object
        .text("status", attempt.status.name())
        .maybe("kind", attempt.kind)
        .count("http_status", attempt.http_status.map(u64::from))
        // Thousandths of a millisecond are as fine as anything here is worth.
        .thousandths("ms", Some(attempt.took.as_micros() as u64))
        .maybe("message", attempt.message.as_deref());
    if let Some(used) = &attempt.used {
        object
            .object("tokens", |object| tokens(Some(&used.usage), object))
            .object("cost", |object| cost(used.cost, object));
    }
}

/// Tokens in few words.
pub(crate) fn tokens(usage: Option<&Usage>, object: &mut Object<'_>) {
    let get = |count: fn(&Usage) -> Option<u64>| usage.and_then(count);
    object
        .count("prompt", get(|usage| usage.prompt_tokens))
        .count("completion", get(|usage| usage.completion_tokens))
        .count("cached", get(|usage| usage.cached_tokens))
        .count("cache_write", get(|usage| usage.cache_write_tokens))
        .count("reasoning", get(|usage| usage.reasoning_tokens));
}

/// A cost, and who says so.
pub(crate) fn cost(cost: Cost, object: &mut Object<'_>) {
    object
        .count("microusd", cost.microusd)
        .text("source", cost.source.name());
}
