//! Which requests the cache answers, what makes two of them the same question, and which answers are worth keeping.

use std::time::Duration;

use libllm_proto::event::Finish;
use libllm_proto::response::Response;

/// What one request wants of the cache, beside what the client's configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Neither read nor fill it.
    Off,
    /// Use it.
    On(Use),
}

/// How a request uses the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Ask all the same, and keep the answer in the place of what was there.
    pub refresh: bool,
    /// How long the answer is kept; `None` leaves it to the client.
    pub ttl: Option<Duration>,
    /// Words by which the answer is found when it should go.
    pub tags: Vec<String>,
    /// A name that stands for what is asked: requests of one name to one model are one question, whatever they say.
    pub key: Option<String>,
    /// Whether the answer to a question that is almost the same will do; `None` leaves it to the client.
    pub semantic: Option<bool>,
}

/// How a request uses the cache, all things considered; `None`: it does not.
pub(crate) fn usage(enabled: bool, forbidden: bool, wish: Option<&Wish>) -> Option<Use> {
    match wish {
        _ if forbidden => None,
        Some(Wish::Off) => None,
        Some(Wish::On(how)) => Some(how.clone()),
        None => enabled.then(Use::default),
    }
}

/// What a member of a request is to the question that it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// Another value is another question.
    Counts,
    /// Who asks, and in what form the answer is wanted: nothing that it says depends on it.
    Volatile,
    /// It wants something done beside the answer, or bytes that events do not carry: such a request is always asked.
    Forbids,
}

/// Looks at one member, its value as JSON text. `passes`: the caller may get the provider's own bytes.
pub(crate) fn member(key: &str, value: &[u8], passes: bool) -> Member {
    match key {
        "store" | "background" if value == b"true" => Member::Forbids,
        // Each request of it is another turn.
        "conversation" if value != b"null" => Member::Forbids,
        "logprobs" if passes && value == b"true" => Member::Forbids,
        "model"
        | "stream"
        | "stream_options"
        | "user"
        | "metadata"
        | "safety_identifier"
        | "prompt_cache_key"
        | "prompt_cache_retention"
        | "service_tier"
        | "store"
        | "background" => Member::Volatile,
        _ => Member::Counts,
    }
}

/// Whether a member sets the length of the answer: one that ends there is then what was asked for.
pub(crate) fn limits_length(key: &str) -> bool {
    matches!(
        key,
        "max_tokens" | "max_completion_tokens" | "max_output_tokens"
    )
}

/// Whether an answer is worth keeping: it is whole, every choice of it came to its own end, and nobody stepped in.
pub(crate) fn is_storable(response: &Response, incomplete: bool, limited: bool) -> bool {
    let choices = response.choices();
    let ended = |finish| match finish {
        Some(Finish::Stop | Finish::ToolCalls) => true,
        Some(Finish::Length) => limited,
        Some(Finish::ContentFilter) | None => false,
    };
    // A result is whole by itself.
    let whole = response.result().is_some();
    let said = !choices.is_empty() && choices.iter().all(|choice| ended(choice.finish));
    !incomplete && (whole || said)
}

/// The most that one answer may take of a cache of this size: a few long ones must not push all others out.
pub(crate) fn entry_max(max_bytes: usize) -> usize {
    max_bytes / 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use libllm_proto::event::{Batch, Event};

    #[test]
    fn the_request_is_heard_before_the_client() {
        let on = Wish::On(Use::default());
        for (enabled, forbidden, wish, used) in [
            (false, false, None, false),
            (true, false, None, true),
            (true, false, Some(&Wish::Off), false),
            (false, false, Some(&on), true),
            (true, true, Some(&on), false),
            (true, true, None, false),
        ] {
            assert_eq!(
                usage(enabled, forbidden, wish).is_some(),
                used,
                "{enabled} {wish:?}"
            );
        }
    }

    #[test]
    fn members_count_unless_they_are_known_not_to() {
        for key in [
            "messages",
            "temperature",
            "seed",
            "tools",
            "n",
            "top_logprobs",
            "of_tomorrow",
        ] {
            assert_eq!(member(key, b"1", false), Member::Counts, "{key}");
        }
        for key in [
            "user",
            "metadata",
            "stream",
            "stream_options",
            "model",
            "store",
        ] {
            assert_eq!(member(key, b"false", true), Member::Volatile, "{key}");
        }
        assert_eq!(member("store", b"true", false), Member::Forbids);
        assert_eq!(member("background", b"true", false), Member::Forbids);
        assert_eq!(member("logprobs", b"true", true), Member::Forbids);
        assert_eq!(member("logprobs", b"true", false), Member::Counts);
    }

    fn ended(reasons: &[Option<Finish>]) -> Response {
        let mut batch = Batch::new();
        for (choice, reason) in (0..).zip(reasons) {
            batch.push(choice, Event::Text("x"));
            let reason = *reason;
            batch.push(choice, Event::Finish { reason, raw: None });
        }
        let mut response = Response::default();
        response.absorb(&batch);
        response
    }

    #[test]
    fn only_whole_answers_are_kept() {
        use Finish::{ContentFilter, Length, Stop, ToolCalls};
        for (reasons, limited, kept) in [
            (&[Some(Stop)][..], false, true),
            (&[Some(ToolCalls), Some(Stop)], false, true),
            (&[Some(Length)], false, false),
            (&[Some(Length)], true, true),
            (&[Some(Stop), Some(ContentFilter)], true, false),
            (&[None], true, false),
            (&[], true, false),
        ] {
            let response = ended(reasons);
            assert_eq!(is_storable(&response, false, limited), kept, "{reasons:?}");
            assert!(!is_storable(&response, true, limited));
        }
    }
}
