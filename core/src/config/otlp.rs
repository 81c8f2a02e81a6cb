//! `telemetry.otlp` and what goes with it: where OpenTelemetry's spans and metrics are sent, and in which words.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue};

use super::Environment;
use super::headers::header_value;
use super::providers::secret;
use super::proxy::decode;
use super::scope::{Item, Table};
use crate::error::Result;
use crate::transport::tls::Trust;

/// Where spans and metrics are sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Otlp {
    /// What `/v1/traces` and `/v1/metrics` are put behind.
    pub endpoint: String,
    /// Sent along; they may hold keys, and are not printed.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The words in which models are spoken of.
    pub semconv: Semconv,
    /// How often metrics are sent, and how long spans wait at most.
    pub every: Duration,
    /// The part of the traces that begin here that is told of.
    pub sample: f64,
    /// What is said of this process.
    pub resource: Vec<(String, String)>,
    pub(crate) trust: Trust,
}

/// A version of OpenTelemetry's conventions for generative AI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Semconv {
    /// The last one of the conventions' common repository.
    V1_41,
    /// What their own repository says since.
    Latest,
}

impl Otlp {
    pub(super) fn read(
        table: Option<&Table<'_>>,
        environment: &dyn Environment,
    ) -> Result<Option<Otlp>> {
        if !BUILT {
            return Ok(None);
        }
        let said = table.and_then(|table| table.get("otlp"));
        let place = match &said {
            Some(item) => said_endpoint(item, environment)?
                .map(|endpoint| Ok((endpoint, variable_headers(environment)?)))
                .transpose()
                .map_err(|why: String| item.fail(why))?,
            None => from_variables(environment),
        };
        let (endpoint, headers) = place.clone().unwrap_or_default();
        let mut otlp = Otlp {
            endpoint,
            headers,
            semconv: Semconv::V1_41,
            every: EVERY,
            sample: 1.0,
            resource: resource(environment),
            trust: Trust::platform(environment),
        };
        // What is wrong is refused, whether or not it is used now.
        if let Some(table) = table {
            otlp.amend(table, environment)?;
        }
        Ok(place.map(|_| otlp))
    }

    fn amend(&mut self, table: &Table<'_>, environment: &dyn Environment) -> Result<()> {
        if let Some(named) = table.table("otlp_headers")? {
            self.headers.clear();
            for (name, item) in named.items() {
                let parsed = HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| item.fail("expected a header name (letters, digits, hyphens)"))?;
                let value = secret(&item, environment)?;
                let value = header_value(&value).map_err(|why| item.fail(why))?;
                self.headers.push((parsed, value));
            }
        }
        if let Some("latest") = table.word("semconv", &["1.41", "latest"], &[])? {
            self.semconv = Semconv::Latest;
        }
        if let Some(every) = table.seconds("otlp_interval_s")? {
            self.every = every;
        }
        if let Some(sample) = table.number("otlp_sample", 0.0..=1.0)? {
            self.sample = sample;
        }
        if let Some(name) = table.text("service")? {
            self.resource.retain(|(known, _)| known != SERVICE);
            self.resource.push((SERVICE.to_owned(), name.to_owned()));
        }
        Ok(())
    }
}

// A variable that is not set sends nothing: the same file serves where there is a collector and where there is none.
fn said_endpoint(item: &Item<'_>, environment: &dyn Environment) -> Result<Option<String>> {
    let text = item.text()?;
    let endpoint = match text.strip_prefix("env:") {
        Some(name) => environment.var(name),
        None => Some(text.to_owned()).filter(|text| text != "off"),
    };
    let endpoint = endpoint.map(|endpoint| checked(&endpoint)).transpose();
    endpoint.map_err(|why| item.fail(why))
}

// The host's own telemetry may be set up by them: what is no use here stops nobody.
fn from_variables(environment: &dyn Environment) -> Option<Place> {
    let is = |name, value: &str| {
        let said = environment.var(name);
        said.is_some_and(|said| said.trim().eq_ignore_ascii_case(value))
    };
    // Meant for others, in whose format nothing is sent from here.
    if is("OTEL_SDK_DISABLED", "true") || is("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc") {
        return None;
    }
    let endpoint = checked(&environment.var(ENDPOINT)?);
    let endpoint = endpoint.map_err(|why| format!("{ENDPOINT}: {why}"));
    let place = endpoint.and_then(|endpoint| Ok((endpoint, variable_headers(environment)?)));
    place
        .inspect_err(
            |why| tracing::warn!(target: "libllm", "nothing is sent to OpenTelemetry: {why}"),
        )
        .ok()
}

fn checked(endpoint: &str) -> Result<String, &'static str> {
    let url: Option<http::Uri> = endpoint.trim().parse().ok();
    let good = url.filter(|url| {
        let plain = |at: &http::uri::Authority| !at.as_str().contains('@');
        let scheme = matches!(url.scheme_str(), Some("http" | "https"));
        scheme && url.authority().is_some_and(plain) && url.query().is_none()
    });
    match good {
        Some(_) => Ok(endpoint.trim().trim_end_matches('/').to_owned()),
        None => Err("expected \"off\" or an http or https URL without user and query"),
    }
}

// `name=value,name=value`, each value escaped as in URLs (OpenTelemetry's specification of its variables).
fn variable_headers(environment: &dyn Environment) -> Result<Headers, String> {
    let said = environment.var(HEADERS).unwrap_or_default();
    let wrong = || format!("{HEADERS}: expected name=value,...");
    let pairs = said.split(',').filter(|pair| !pair.trim().is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?;
        let value = decode(value.trim()).ok_or_else(wrong)?;
        Ok((name, header_value(&value).map_err(|_| wrong())?))
    });
    pairs.collect()
}

fn resource(environment: &dyn Environment) -> Vec<(String, String)> {
    let said = environment
        .var("OTEL_RESOURCE_ATTRIBUTES")
        .unwrap_or_default();
    let pairs = said.split(',').filter_map(|pair| pair.split_once('='));
    let mut resource: Vec<(String, String)> = pairs
        .filter_map(|(name, value)| Some((name.trim().to_owned(), decode(value.trim())?)))
        .filter(|(name, _)| !name.is_empty())
        .collect();
    if let Some(name) = environment.var("OTEL_SERVICE_NAME") {
        resource.retain(|(known, _)| known != SERVICE);
        resource.push((SERVICE.to_owned(), name));
    }
    resource
}

type Headers = Vec<(HeaderName, HeaderValue)>;
/// An endpoint, and what is sent along.
type Place = (String, Headers);

/// The exporter is in this build.
pub(super) const BUILT: bool = cfg!(feature = "otlp");
pub(super) const KEYS: &[&str] = &[
    "otlp",
    "otlp_headers",
    "otlp_interval_s",
    "otlp_sample",
    "semconv",
    "service",
];
/// The resource's attribute that names it.
pub(crate) const SERVICE: &str = "service.name";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
// OpenTelemetry's own for metrics (OTEL_METRIC_EXPORT_INTERVAL).
const EVERY: Duration = Duration::from_secs(60);
