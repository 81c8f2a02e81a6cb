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
    /// What it is counted by, if it is several numbers.
    pub label: Option<&'static str>,
    /// What it counts.
    pub about: &'static str,
}

/// Every metric; all are counters.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    Metric { name: "requests_total", label: None, about: "Requests accepted." },
    Metric { name: "attempts_total", label: None, about: "Attempts at targets, retries and fallbacks included." },
    Metric { name: "prompt_tokens_total", label: None, about: "Prompt tokens that providers reported." },
    Metric { name: "completion_tokens_total", label: None, about: "Completion tokens that providers reported." },
    Metric { name: "reloads_total", label: None, about: "Configurations that took another's place." },
    Metric { name: "reloads_refused_total", label: None, about: "Configurations that were bad and changed nothing." },
    Metric { name: "ended_total", label: Some("status"), about: "Requests ended, by status." },
];
