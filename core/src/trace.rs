//! The trace that a request belongs to (W3C Trace Context, level 1): read from its caller, handed on to whoever is asked. What is told of
//! it, and to whom, is `observe`'s.

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The caller's word on the trace: the header `traceparent`, and `tracestate` with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    trace: u128,
    span: u64,
    flags: u8,
    state: Option<HeaderValue>,
}

impl Parent {
    /// Reads a `traceparent`; `None` if it is none.
    ///
    /// ```
    /// use libllm::Parent;
    /// assert!(Parent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").is_some());
    /// assert!(Parent::parse("00-00000000000000000000000000000000-00f067aa0ba902b7-01").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Parent> {
        let text = text.trim();
        let mut parts = text.split('-');
        let mut part = |len: usize| parts.next().filter(|part| is_hex(part, len));
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        // Later versions may say more behind it; ff is none.
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let parent = Parent {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
            flags: u8::from_str_radix(flags, 16).ok()? & KNOWN,
            state: None,
        };
        (parent.trace != 0 && parent.span != 0).then_some(parent)
    }

    /// The same with a `tracestate`. What is no header, or is longer than anybody must take, is left out.
    pub fn with_state(mut self, state: &str) -> Parent {
        let state = Some(state.trim()).filter(|state| (1..=STATE_MAX).contains(&state.len()));
        self.state = state.and_then(|state| HeaderValue::from_str(state).ok());
        self
    }

    /// Of headers that came, if they say it.
    pub(crate) fn of_headers(parent: &[&str], state: &[&str]) -> Option<Parent> {
        match parent {
            [one] => Some(Parent::parse(one)?.with_state(&state.join(","))),
            _ => None,
        }
    }
}

/// One request's place in its trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) id: u128,
    /// The caller's span.
    pub(crate) parent: Option<u64>,
    /// The request's own, if it is told of.
    pub(crate) span: Option<u64>,
    pub(crate) flags: u8,
    pub(crate) state: Option<HeaderValue>,
}

impl Trace {
    /// The caller's, which nothing is added to.
    pub(crate) fn carried(parent: &Parent) -> Trace {
        Trace {
            id: parent.trace,
            parent: Some(parent.span),
            span: None,
            flags: parent.flags,
            state: parent.state.clone(),
        }
    }

    /// The caller's with a span of ours, if it is to be told of; else one that begins here, of which `share` are told of.
    #[cfg(feature = "otlp")]
    pub(crate) fn told(parent: Option<&Parent>, share: f64) -> Trace {
        let mut trace = match parent {
            Some(parent) => Trace::carried(parent),
            None => Trace {
                id: fastrand::u128(1..),
                parent: None,
                span: None,
                flags: match fastrand::f64() < share {
                    true => SAMPLED,
                    false => 0,
                },
                state: None,
            },
        };
        if trace.flags & SAMPLED != 0 {
            trace.span = Some(span_id());
        }
        trace
    }

    /// Says it to who is asked by the attempt of this span.
    pub(crate) fn hand_on(&self, attempt: u64, headers: &mut HeaderMap) {
        let span = match (self.span, self.parent) {
            (None, Some(parent)) => parent,
            _ => attempt,
        };
        let text = format!("00-{:032x}-{span:016x}-{:02x}", self.id, self.flags);
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(HeaderName::from_static(PARENT), value);
        }
        match &self.state {
            Some(state) => headers.insert(HeaderName::from_static(STATE), state.clone()),
            None => headers.remove(STATE),
        };
    }
}

/// A number for a span.
pub(crate) fn span_id() -> u64 {
    fastrand::u64(1..)
}

// Small letters alone, says the format.
fn is_hex(text: &str, len: usize) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == len && text.bytes().all(digit)
}

/// The headers' names.
pub(crate) const PARENT: &str = "traceparent";
pub(crate) const STATE: &str = "tracestate";
/// The trace is told of.
#[cfg(feature = "otlp")]
const SAMPLED: u8 = 1;
/// Flags that are handed on: sampled, and that the number is random (level 2).
const KNOWN: u8 = 3;
/// Whoever hands it on should manage so much (W3C Trace Context 3.3.1.5).
const STATE_MAX: usize = 512;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn reads_what_the_format_says_and_nothing_else() {
        assert!(Parent::parse(GOOD).is_some());
        let later = GOOD.replacen("00-", "cc-", 1);
        assert!(Parent::parse(&format!("{later}-more")).is_some());
        for bad in [
            "",
            "00",
            &GOOD.to_uppercase(),
            &GOOD.replacen("00-", "ff-", 1),
            &format!("{GOOD}-more"),
            &format!("{GOOD}0"),
            &GOOD[..54],
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Parent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_not_told_of_is_handed_on_as_it_came() {
        let parent = Parent::parse(GOOD).unwrap().with_state(" a=1,b=2 ");
        let mut headers = HeaderMap::new();
        Trace::carried(&parent).hand_on(7, &mut headers);
        assert_eq!(headers[PARENT], GOOD);
        assert_eq!(headers[STATE], "a=1,b=2");
        let long = Parent::parse(GOOD).unwrap().with_state(&"x".repeat(513));
        Trace::carried(&long).hand_on(7, &mut headers);
        assert!(!headers.contains_key(STATE), "of another request");
    }

    #[cfg(feature = "otlp")]
    #[test]
    fn what_is_told_of_has_spans_of_ours() {
        let mut headers = HeaderMap::new();
        let parent = Parent::parse(GOOD).unwrap();
        let trace = Trace::told(Some(&parent), 0.0);
        assert!(trace.span.is_some(), "its caller wants it told");
        trace.hand_on(7, &mut headers);
        let said = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000007-01";
        assert_eq!(headers[PARENT], said);
        let quiet = Parent::parse(&GOOD.replace("-01", "-00")).unwrap();
        assert_eq!(Trace::told(Some(&quiet), 1.0).span, None);
        assert!(Trace::told(None, 1.0).span.is_some() && Trace::told(None, 0.0).span.is_none());
    }
}
