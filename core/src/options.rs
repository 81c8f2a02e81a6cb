//! What one request asks for beside its text: the fields of C's `llm_options` and the keys of its `options_json`.

use http::header::{HeaderName, HeaderValue};
use libllm_proto::provider;
use libllm_proto::wire::{Operation, Unsupported};

use crate::config::{self, Document, Item, Limit, OnPartial, Strategy, Table, shown};
use crate::error::{Error, ErrorKind, Result};
use crate::policy::cache::Wish;
use crate::secret::Secret;
use crate::trace::{self, Parent};

/// Per-request options; the default leaves everything to the client.
///
/// ```
/// use libllm::Options;
/// use libllm::config::Limit;
/// let mut options = Options::default();
/// options.merge_json(r#"{"timeout_ms":2000,"fallbacks":["anthropic/claude-haiku-4-5"]}"#)?;
/// assert_eq!(options.timeout, Limit::from_ms(2000));
/// # Ok::<(), libllm::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The provider, and the request's model is its name there, verbatim. `None` lets the model choose.
    pub provider: Option<String>,
    /// For the whole request, retries included.
    pub timeout: Option<Limit>,
    /// Until an attempt's first item.
    pub first_token_timeout: Option<Limit>,
    /// Between two pieces of an answer.
    pub idle_timeout: Option<Limit>,
    /// What is asked; `None` is `chat`.
    pub operation: Option<String>,
    /// Deliver the provider's own chunks too.
    pub raw: bool,
    /// One event per delta even when the consumer lags.
    pub no_coalesce: bool,
    /// Neither read nor write the cache.
    pub no_cache: bool,
    /// Give the whole text in the last event's message.
    pub message: bool,
    /// Attempts in total, over all targets.
    pub max_attempts: Option<u32>,
    /// What happens to an answer that is cut after its first item.
    pub on_partial: Option<OnPartial>,
    /// What to ask when the request's own targets fail: models or aliases, in this order.
    pub fallbacks: Vec<String>,
    /// What happens to a parameter that a provider cannot take.
    pub unsupported: Option<Unsupported>,
    /// Whether a request is held against what is known of the model before it is sent.
    pub check_limits: Option<bool>,
    /// What it wants of the cache; `None` leaves it to the client.
    pub cache: Option<Wish>,
    /// Headers of every attempt.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Another place for the first target's provider. Its key and configured headers are not sent there.
    pub base_url: Option<String>,
    /// The key for the first target's provider, or for `base_url`.
    pub api_key: Option<Secret>,
    /// Sent as `Idempotency-Key`.
    pub idempotency_key: Option<HeaderValue>,
    /// A JSON object that is merged into the request's body last.
    pub extra_body: Option<String>,
    /// How its alias chooses among targets, this once.
    pub strategy: Option<Strategy>,
    /// Words that rules look at.
    pub tags: Vec<String>,
    /// Whose conversation it is, for what should stay at one target.
    pub session: Option<String>,
    /// On whose behalf it is made.
    pub tenant: Option<String>,
    /// More words that rules look at, by name.
    pub metadata: Vec<(String, String)>,
    /// The trace that it belongs to.
    pub trace: Option<Parent>,
    /// The library asks on its own account, whether a target answers.
    #[doc(hidden)]
    pub probes: bool,
}

impl Options {
    /// Whether candidates are the same for this request as for others: it says nothing that is part of them.
    pub(crate) fn leaves_candidates(&self) -> bool {
        let timeouts = [&self.timeout, &self.first_token_timeout, &self.idle_timeout];
        timeouts.iter().all(|limit| limit.is_none())
            && self.headers.is_empty()
            && self.idempotency_key.is_none()
            && self.unsupported.is_none()
            && self.base_url.is_none()
            && self.api_key.is_none()
    }

    /// Reads `options_json`: a JSON object. A field that is set already stays as it is.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for malformed JSON and wrong types, with the key; [`ErrorKind::Config`] for an unknown key, with
    /// the nearest known one. Nothing is changed then.
    pub fn merge_json(&mut self, json: &str) -> Result<()> {
        let document = Document::options(json)?;
        let table = document.root()?;
        table.check(KEYS, LATER)?;
        let read = read(&table)?;
        let own = std::mem::take(self);
        *self = Options {
            timeout: own.timeout.or(read.timeout),
            first_token_timeout: own.first_token_timeout.or(read.first_token_timeout),
            idle_timeout: own.idle_timeout.or(read.idle_timeout),
            max_attempts: own.max_attempts.or(read.max_attempts),
            on_partial: own.on_partial.or(read.on_partial),
            fallbacks: first_of(own.fallbacks, read.fallbacks),
            unsupported: own.unsupported.or(read.unsupported),
            check_limits: own.check_limits.or(read.check_limits),
            headers: first_of(own.headers, read.headers),
            base_url: own.base_url.or(read.base_url),
            api_key: own.api_key.or(read.api_key),
            idempotency_key: own.idempotency_key.or(read.idempotency_key),
            extra_body: own.extra_body.or(read.extra_body),
            cache: own.cache.or(read.cache),
            strategy: own.strategy.or(read.strategy),
            tags: first_of(own.tags, read.tags),
            session: own.session.or(read.session),
            tenant: own.tenant.or(read.tenant),
            metadata: first_of(own.metadata, read.metadata),
            trace: own.trace.or(read.trace),
            ..own
        };
        Ok(())
    }

    /// Whether only a connection is wanted.
    pub(crate) fn warms(&self) -> bool {
        self.operation.as_deref() == Some(WARM)
    }

    /// Whether it is only asked who would be asked.
    pub(crate) fn explains(&self) -> bool {
        self.operation.as_deref() == Some(EXPLAIN)
    }

    /// Whether the answer may come in pieces.
    pub(crate) fn streams(&self) -> bool {
        !self.explains() && self.operation().is_ok_and(Operation::streams)
    }

    /// What is asked, if it is in this build.
    pub(crate) fn operation(&self) -> Result<Operation> {
        match self.operation.as_deref() {
            None | Some("") => Ok(Operation::Chat),
            Some(WARM | EXPLAIN) => Ok(Operation::Chat),
            Some(name) => Operation::find(name).ok_or_else(|| {
                let message = format!("operation {:?} is not in this build", shown(name));
                Error::new(ErrorKind::Unsupported, message)
            }),
        }
    }
}

/// The operation that opens a connection to where a chat would go, and sends nothing.
const WARM: &str = "warm";
/// The operation that says who a chat would go to, and sends nothing.
const EXPLAIN: &str = "explain";

fn read(table: &Table<'_>) -> Result<Options> {
    let limit = |key| {
        table
            .milliseconds(key)
            .map(|ms| ms.and_then(Limit::from_ms))
    };
    let mut options = Options {
        timeout: limit("timeout_ms")?,
        first_token_timeout: limit("first_token_timeout_ms")?,
        idle_timeout: limit("idle_timeout_ms")?,
        max_attempts: config::max_attempts(table)?,
        on_partial: config::on_partial(table)?,
        unsupported: config::unsupported_word(table)?,
        check_limits: table.flag("check_limits")?,
        api_key: table.text("api_key")?.map(Secret::from),
        ..Options::default()
    };
    if let Some(item) = table.get("fallbacks") {
        let names = item.list()?;
        let names = names.iter().map(|item| item.text().map(str::to_owned));
        options.fallbacks = names.collect::<Result<_>>()?;
    }
    if let Some(item) = table.get("headers") {
        for (name, item) in item.table()?.items() {
            let name = config::request_header_name(name).map_err(|why| item.fail(why))?;
            let value = config::header_value(item.text()?).map_err(|why| item.fail(why))?;
            options.headers.push((name, value));
        }
    }
    if let Some(item) = table.get("base_url") {
        let url = provider::base_url(item.text()?).map_err(|error| item.fail(error.message()))?;
        options.base_url = Some(url);
    }
    if let Some(item) = table.get("idempotency_key") {
        let key = config::header_value(item.text()?).map_err(|why| item.fail(why))?;
        options.idempotency_key = Some(key);
    }
    if let Some(item) = table.get("extra_body") {
        item.table()?;
        options.extra_body = Some(item.source().to_owned());
    }
    options.cache = config::wish(table)?;
    options.strategy = config::strategy(table)?;
    for item in table
        .get("tags")
        .map_or(Ok(Vec::new()), |tags| tags.list())?
    {
        options.tags.push(label(&item)?);
    }
    options.session = table.get("session").map(|item| label(&item)).transpose()?;
    options.tenant = table.get("tenant").map(|item| label(&item)).transpose()?;
    if let Some(table) = table.table("metadata")? {
        for (name, item) in table.items() {
            options.metadata.push((name.to_owned(), label(&item)?));
        }
    }
    options.trace = parent(table, &mut options.headers)?;
    Ok(options)
}

/// The trace, by keys of its own or among the headers that a caller passes on; there, what is none begins no trace and is left out.
fn parent(
    table: &Table<'_>,
    headers: &mut Vec<(HeaderName, HeaderValue)>,
) -> Result<Option<Parent>> {
    let ours = |name: &HeaderName| *name == trace::PARENT || *name == trace::STATE;
    let found: Vec<_> = headers.extract_if(.., |(name, _)| ours(name)).collect();
    let all = |wanted: &str| -> Vec<&str> {
        let named = found.iter().filter(|(name, _)| *name == wanted);
        named.filter_map(|(_, value)| value.to_str().ok()).collect()
    };
    let Some(item) = table.get(trace::PARENT) else {
        if let Some(item) = table.get(trace::STATE) {
            return Err(item.fail("goes with traceparent"));
        }
        return Ok(Parent::of_headers(&all(trace::PARENT), &all(trace::STATE)));
    };
    let parent = Parent::parse(item.text()?);
    let parent =
        parent.ok_or_else(|| item.fail("expected 00-TRACE-SPAN-FLAGS in small hex digits"))?;
    Ok(Some(match table.text(trace::STATE)? {
        Some(state) => parent.with_state(state),
        None => parent,
    }))
}

/// A word that requests are told apart by; it is kept beside what is counted, so it is short.
pub(crate) fn label(item: &Item<'_>) -> Result<String> {
    let text = item.text()?;
    match (1..=LABEL_MAX).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err(item.fail(format!(
            "expected 1 to {LABEL_MAX} bytes, got {}",
            text.len()
        ))),
    }
}

fn first_of<T>(own: Vec<T>, read: Vec<T>) -> Vec<T> {
    if own.is_empty() { read } else { own }
}

const KEYS: &[&str] = &[
    "timeout_ms",
    "first_token_timeout_ms",
    "idle_timeout_ms",
    "max_attempts",
    "fallbacks",
    "on_partial",
    "unsupported",
    "check_limits",
    "headers",
    "base_url",
    "api_key",
    "idempotency_key",
    "extra_body",
    "cache",
    "strategy",
    "tags",
    "session",
    "tenant",
    "metadata",
    "traceparent",
    "tracestate",
];
const LATER: &[&str] = &[];
// What OpenAI's API takes in a user's or a conversation's name is of this size.
const LABEL_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn merged(json: &str) -> Result<Options> {
        let mut options = Options::default();
        options.merge_json(json).map(|()| options)
    }

    #[test]
    fn reads_every_key() {
        let options = merged(
            r#"{"timeout_ms":-1,"first_token_timeout_ms":20,"idle_timeout_ms":0,"max_attempts":2,
                "fallbacks":["a","b/c"],"on_partial":"error","unsupported":"pass","check_limits":true,"headers":{"X-Team":"t"},
                "base_url":"http://h/v1/","api_key":"sk-canary","idempotency_key":"i","extra_body":{"a": [1.50]},
                "strategy":"order","tags":["t","u"],"session":"s","tenant":"n","metadata":{"k":"v"},
                "traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"a=1"}"#,
        )
        .unwrap();
        assert_eq!(options.timeout, Some(Limit::Never));
        assert_eq!(
            options.first_token_timeout,
            Some(Limit::After(Duration::from_millis(20)))
        );
        assert_eq!(
            (options.idle_timeout, options.max_attempts),
            (None, Some(2))
        );
        assert_eq!(options.fallbacks, ["a", "b/c"]);
        assert_eq!(options.unsupported, Some(Unsupported::Pass));
        assert_eq!(options.check_limits, Some(true));
        assert_eq!(options.headers[0].0, "x-team");
        assert_eq!(options.base_url.as_deref(), Some("http://h/v1"));
        assert_eq!(options.api_key.as_ref().unwrap().expose(), "sk-canary");
        assert_eq!(options.idempotency_key.as_ref().unwrap(), "i");
        assert_eq!(
            options.extra_body.as_deref(),
            Some(r#"{"a": [1.50]}"#),
            "byte for byte"
        );
        assert_eq!(options.strategy, Some(Strategy::Order));
        assert_eq!(options.tags, ["t", "u"]);
        let names = (options.session.as_deref(), options.tenant.as_deref());
        assert_eq!(names, (Some("s"), Some("n")));
        assert_eq!(options.metadata, [("k".to_owned(), "v".to_owned())]);
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = Parent::parse(trace).unwrap().with_state("a=1");
        assert_eq!(options.trace, Some(trace));
        assert!(!format!("{options:?}").contains("canary"));
    }

    #[test]
    fn a_field_that_is_set_wins() {
        let mut options = Options {
            timeout: Limit::from_ms(5),
            fallbacks: vec!["mine/m".into()],
            raw: true,
            ..Options::default()
        };
        options
            .merge_json(r#"{"timeout_ms":9,"idle_timeout_ms":9,"fallbacks":["other/m"]}"#)
            .unwrap();
        assert_eq!(options.timeout, Limit::from_ms(5));
        assert_eq!(options.idle_timeout, Limit::from_ms(9));
        assert_eq!(options.fallbacks, ["mine/m"]);
        assert!(options.raw);
    }

    #[test]
    fn says_what_is_wrong() {
        use ErrorKind::{Config, InvalidArgument};
        for (json, kind, message) in [
            ("", InvalidArgument, "json ends early"),
            ("[]", InvalidArgument, "expected an object, got a list"),
            ("{\"a\":1", InvalidArgument, "json ends early"),
            (
                r#"{"timeout":1}"#,
                Config,
                "unknown key timeout, expected one of",
            ),
            (r#"{"timeout":1}"#, Config, "closest: timeout_ms"),
            (
                r#"{"cache":1}"#,
                InvalidArgument,
                "cache: expected true, false, \"refresh\" or a table",
            ),
            (r#"{"cache":{"tag":"a"}}"#, Config, "unknown key cache.tag"),
            (
                r#"{"cache":{"tags":"a"}}"#,
                InvalidArgument,
                "cache.tags: expected a list",
            ),
            (
                r#"{"cache":{"key":""}}"#,
                InvalidArgument,
                "cache.key: expected 1 to 256 bytes, got 0",
            ),
            (
                r#"{"on_partial":"resume"}"#,
                InvalidArgument,
                "expected \"error\", \"restart\", \"continue\"",
            ),
            (
                r#"{"timeout_ms":"1"}"#,
                InvalidArgument,
                "timeout_ms: expected whole milliseconds",
            ),
            (
                r#"{"timeout_ms":1.5}"#,
                InvalidArgument,
                "timeout_ms: expected whole milliseconds",
            ),
            (
                r#"{"max_attempts":0}"#,
                InvalidArgument,
                "expected a whole number in 1 to 10, got 0",
            ),
            (
                r#"{"fallbacks":"a"}"#,
                InvalidArgument,
                "fallbacks: expected a list, got a string",
            ),
            (
                r#"{"fallbacks":["a",1]}"#,
                InvalidArgument,
                "fallbacks[1]: expected a string",
            ),
            (
                r#"{"unsupported":"x"}"#,
                InvalidArgument,
                "expected \"drop\", \"error\", \"pass\"",
            ),
            (
                r#"{"headers":{"host":"h"}}"#,
                InvalidArgument,
                "headers.host: is set by the library",
            ),
            (
                r#"{"headers":{"a":"b\r\nc"}}"#,
                InvalidArgument,
                "headers.a: expected visible",
            ),
            (r#"{"base_url":"h"}"#, InvalidArgument, "base_url: base URL"),
            (
                r#"{"extra_body":[]}"#,
                InvalidArgument,
                "extra_body: expected a table",
            ),
            (
                r#"{"tenant":""}"#,
                InvalidArgument,
                "tenant: expected 1 to 256 bytes, got 0",
            ),
            (
                r#"{"metadata":{"k":1}}"#,
                InvalidArgument,
                "metadata.k: expected a string",
            ),
            (
                r#"{"traceparent":"00-1-2-01"}"#,
                InvalidArgument,
                "traceparent: expected 00-TRACE-SPAN-FLAGS",
            ),
            (
                r#"{"tracestate":"a=1"}"#,
                InvalidArgument,
                "tracestate: goes with traceparent",
            ),
            (
                r#"{"api_key":5}"#,
                InvalidArgument,
                "api_key: expected a string, got a number",
            ),
        ] {
            let error = merged(json).unwrap_err();
            assert_eq!(error.kind(), kind, "{json}: {error}");
            assert!(error.message().contains(message), "{json}: {error}");
            assert!(error.message().starts_with("options_json: "), "{error}");
        }
    }

    #[test]
    fn a_mistake_changes_nothing() {
        let mut options = Options::default();
        assert!(
            options
                .merge_json(r#"{"timeout_ms":5,"max_attempts":"x"}"#)
                .is_err()
        );
        assert_eq!(options.timeout, None);
    }

    #[test]
    fn operations_of_later_builds_are_refused() {
        let asks = |name: &str| Options {
            operation: Some(name.into()),
            ..Options::default()
        };
        for operation in Operation::ALL {
            assert_eq!(asks(operation.name()).operation().unwrap(), *operation);
        }
        let error = asks("divination").operation().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
