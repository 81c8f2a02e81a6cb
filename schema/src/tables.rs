//! Numbers and names that are no JSON: kinds of events, flags, variables, metrics. Tests hold each against the library.

/// A kind of event: `llm_event_type`.
#[derive(Clone, Copy, Debug)]
pub struct EventKind {
    /// Its name in llm.h, without LLM_EVENT_.
    pub name: &'static str,
    /// Its number there.
    pub number: i32,
    /// What `data` is.
    pub carries: Carries,
    /// Whether a delta may be joined to the one before it.
    pub joins: bool,
    /// What it says.
    pub about: &'static str,
}

/// What an event's `data` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// Text, a delta.
    Text,
    /// JSON of this type.
    Json(&'static str),
    /// Bytes.
    Bytes,
}

/// Every kind of event.
#[rustfmt::skip]
pub const EVENTS: &[EventKind] = &[
    event("TEXT", 1, Carries::Text, true, "A piece of the answer."),
    event("REASONING", 2, Carries::Text, true, "A piece of the model's reasoning."),
    event("TOOL_CALL", 3, Carries::Json("ToolCallStart"), false, "Tool call number `index` begins."),
    event("TOOL_ARGS", 4, Carries::Text, true, "A piece of the arguments of tool call number `index`, as JSON text."),
    event("ROUTE", 5, Carries::Json("Route"), false, "An attempt begins; what earlier ones said is void."),
    event("RESULT", 6, Carries::Bytes, false, "The whole answer of an operation that does not stream."),
    event("HTTP_HEAD", 7, Carries::Json(""), false, "Status and headers of an answer in the caller's own dialect."),
    event("HTTP_BODY", 8, Carries::Bytes, false, "Bytes of such an answer."),
    event("RAW", 9, Carries::Bytes, false, "The provider's own chunk; only with the flag RAW."),
    event("LOG", 10, Carries::Text, false, "A line of the log; `index` is its level."),
    event("ASK", 11, Carries::Json(""), false, "The library wants an answer of its host."),
    event("REFUSAL", 12, Carries::Text, true, "A piece of a refusal; never part of the text."),
    event("PART", 13, Carries::Json("Part"), false, "What must survive byte for byte but is no text."),
    event("DONE", 100, Carries::Json("Done"), false, "The end of a request that ended well."),
    event("ERROR", 101, Carries::Json("Failure"), false, "The end of a request that failed."),
];

const fn event(
    name: &'static str,
    number: i32,
    carries: Carries,
    joins: bool,
    about: &'static str,
) -> EventKind {
    EventKind {
        name,
        number,
        carries,
        joins,
        about,
    }
}

/// A flag of `llm_options`.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its name in llm.h, without LLM_OPT_.
    pub name: &'static str,
    /// Its bit.
    pub bit: u32,
    /// What it asks for.
    pub about: &'static str,
}

/// Every flag.
#[rustfmt::skip]
pub const FLAGS: &[Flag] = &[
    Flag { name: "RAW", bit: 1, about: "Deliver the provider's own chunks too." },
    Flag { name: "NO_COALESCE", bit: 2, about: "One event for each delta, even when the consumer lags." },
    Flag { name: "NO_CACHE", bit: 4, about: "Neither read nor fill the cache." },
    Flag { name: "MESSAGE", bit: 8, about: "The whole text in the DONE event's message." },
];

/// An environment variable that is read, beside those of the providers' rows.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub about: &'static str,
}

/// Every variable that is no provider's.
#[rustfmt::skip]
pub const VARIABLES: &[Variable] = &[
    Variable { name: "LLM_CONFIG", about: "The configuration file of clients that are given none." },
    Variable { name: "LLM_LOG", about: "What is logged to standard error where the host has set no sink." },
    Variable { name: "OTEL_EXPORTER_OTLP_ENDPOINT", about: "Where spans and metrics are sent, unless the configuration says so." },
    Variable { name: "OTEL_EXPORTER_OTLP_HEADERS", about: "Headers that go with them: `name=value`, separated by commas." },
    Variable { name: "OTEL_EXPORTER_OTLP_PROTOCOL", about: "With `grpc`, which is not spoken here, the endpoint is others' alone." },
    Variable { name: "OTEL_SDK_DISABLED", about: "With `true` the endpoint is not used." },
    Variable { name: "OTEL_SERVICE_NAME", about: "The service that they are said to come from." },
    Variable { name: "OTEL_RESOURCE_ATTRIBUTES", about: "More that is said of it: `name=value`, separated by commas." },
    Variable { name: "SSL_CERT_FILE", about: "Certificates to trust instead of the platform's." },
    Variable { name: "SSL_CERT_DIR", about: "The same, a folder." },
    Variable { name: "HTTPS_PROXY", about: "The proxy for https." },
    Variable { name: "HTTP_PROXY", about: "The proxy for http." },
    Variable { name: "ALL_PROXY", about: "The proxy for both." },
    Variable { name: "NO_PROXY", about: "Who is reached without a proxy." },
];

/// A number that `llm_client_metrics()` tells.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name in JSON; in Prometheus text `libllm_` stands before it.
    pub name: &'static str,
    /// What its numbers do.
    pub kind: MetricKind,
    /// What it is counted by, if it is several numbers.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub about: &'static str,
}

/// What a metric's numbers do, in the words of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often which size came.
    Histogram,
}

impl MetricKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        }
    }
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    about: &'static str,
) -> Metric {
    let kind = MetricKind::Counter;
    Metric {
        name,
        kind,
        labels,
        about,
    }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], about: &'static str) -> Metric {
    let kind = MetricKind::Gauge;
    Metric {
        name,
        kind,
        labels,
        about,
    }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    about: &'static str,
) -> Metric {
    let kind = MetricKind::Histogram;
    Metric {
        name,
        kind,
        labels,
        about,
    }
}

const TARGET: &[&str] = &["provider", "model", "operation"];
const TARGET_STATUS: &[&str] = &["provider", "model", "operation", "status"];
const TARGET_KIND: &[&str] = &["provider", "model", "operation", "kind"];
const TARGET_REASON: &[&str] = &["provider", "model", "operation", "reason"];

/// Every metric; docs/observability.md says more of each.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    counter("requests_total", &[], "Requests accepted."),
    counter("attempts_total", &[], "Attempts at targets, retries and fallbacks included."),
    counter("prompt_tokens_total", &[], "Prompt tokens that providers reported."),
    counter("completion_tokens_total", &[], "Completion tokens that providers reported."),
    counter("reloads_total", &[], "Configurations that took another's place."),
    counter("reloads_refused_total", &[], "Configurations that were bad and changed nothing."),
    counter("call_log_lost_total", &[], "Lines of call logs that could not be written, or not soon enough."),
    counter("otlp_spans_total", &[], "Spans that a collector of OpenTelemetry took."),
    counter("otlp_spans_lost_total", &[], "Spans that a collector of OpenTelemetry did not take, or not soon enough."),
    counter("ended_total", &["status"], "Requests ended, by status."),
    counter("target_requests_total", TARGET_STATUS, "Requests ended, by the target that was asked last."),
    counter("target_errors_total", TARGET_KIND, "Attempts that failed, by kind of error."),
    counter("target_attempts_total", TARGET_REASON, "Attempts, by why they were begun."),
    counter("tokens_total", TARGET_KIND, "Tokens that providers reported, by kind."),
    counter("cost_microusd_total", TARGET, "What answers cost, in millionths of a US dollar, as far as it is known."),
    histogram("request_duration_seconds", TARGET_STATUS, "From the host's call to the last event."),
    histogram("time_to_first_token_seconds", TARGET, "From the host's call to the first item."),
    histogram("inter_token_seconds", TARGET, "Between two pieces of one streamed answer, as they came."),
    histogram("overhead_seconds", TARGET, "Our own part of a request: the time in our code before the provider was asked, and after its last byte."),
    histogram("dispatch_seconds", TARGET, "From the host's thread to the engine's, turns of other requests before it included."),
    histogram("queue_wait_seconds", TARGET, "What requests waited for a limit of our own, of those that did."),
    counter("hedges_total", &[], "Second attempts beside a slow first one."),
    counter("hedges_won_total", &[], "Second attempts that answered before the first one."),
    counter("retries_unpaid_total", &[], "Attempts that were not made because a retry budget was empty."),
    counter("keys_refused_total", &[], "Keys put aside because their provider refused them."),
    counter("shared_asked_total", &[], "Commands sent to the shared Redis."),
    counter("shared_late_total", &[], "Commands that the shared Redis did not answer in time."),
    counter("shared_failed_total", &[], "Commands that failed with the shared Redis's connection, or that it refused."),
    counter("shared_skipped_total", &[], "Commands that were not sent while the shared Redis was gone."),
    gauge("shared_links", &[], "Connections to a shared Redis that clients want."),
    gauge("shared_links_up", &[], "Connections to a shared Redis that stand; with fewer than wanted, limits are this process's own share."),
    counter("admission_waited_total", &[], "Times that a request waited for room under a limit."),
    counter("admission_refused_total", &[], "Requests that a limit or a budget refused."),
    gauge("admission_waiting", &[], "Requests that wait for room under a limit."),
    gauge("target_breaker_state", &["provider", "model"], "Breakers of targets, now: 0 closed, 1 half open, 2 open."),
    gauge("target_in_flight", &["provider", "model"], "Attempts under way at targets, now."),
    gauge("target_unavailable_seconds", &["provider", "model"], "For how long targets asked not to be asked, from now on."),
    gauge("requests_live", &[], "Requests between their start and their last event, now."),
    gauge("queue_waiting_bytes", &[], "Bytes that wait in queues for their consumer, now."),
    counter("cache_hits_total", &[], "Requests answered from the cache."),
    counter("cache_misses_total", &[], "Requests that the cache might have answered, and whose answer was asked for."),
    counter("cache_joins_total", &[], "Requests that waited for the answer to another one that was on its way."),
    counter("cache_shared_hits_total", &[], "Answers that the shared Redis had."),
    counter("cache_shared_misses_total", &[], "Questions to which the shared Redis had no answer."),
    counter("cache_shared_unavailable_total", &[], "Questions of which the shared Redis said nothing, or nothing in time."),
    counter("cache_shared_late_total", &[], "Answers that the shared Redis had too late for who asked; they are kept for the next."),
    counter("cache_semantic_hits_total", &[], "Requests answered with the answer to a question that is almost the same."),
    counter("cache_semantic_misses_total", &[], "Questions to which no other was near enough."),
    counter("cache_semantic_failures_total", &[], "Questions whose vector did not come."),
    gauge("cache_bytes", &[], "Bytes of answers that are kept."),
    gauge("cache_entries", &[], "Answers that are kept."),
];
