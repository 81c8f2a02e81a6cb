//! Questions to the host: the moments at which configuration has a request wait for its host's word. A question goes through the queue
//! as any other event does, and `llm_answer` brings the answer: no thread of ours enters the host.
//!
//! ```text
//! ask --ASK event--> queue --poll--> host --answer()--> Asks of the request, whose task is woken
//! ```

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use libllm_proto::json::write::Object;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::call::Job;
use crate::clock::{self, Alarm};
use crate::config::{self, Key};
use crate::error::{Error, ErrorKind, Result, Retry, Status};
use crate::live::Live;
use crate::plan::Candidate;
use crate::report::{self, Record};
use crate::request::Request;
use crate::route::Candidates;
use crate::secret::Secret;
use crate::ticket::Ticket;

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Before,
    Token,
    Attempt,
    After,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Before => "before",
            Kind::Token => "token",
            Kind::Attempt => "attempt",
            Kind::After => "after",
        }
    }

    /// The keys of an answer to it, beside `id`.
    fn takes(self) -> &'static [&'static str] {
        match self {
            Kind::Before => &["request"],
            Kind::Token => &["api_key"],
            Kind::Attempt => &["headers", "api_key"],
            Kind::After => &[],
        }
    }
}

/// The questions of one request that wait for an answer. With a hedge there may be two.
#[derive(Debug, Default)]
pub(crate) struct Asks(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: u32,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    number: u32,
    kind: Kind,
    said: Option<Result<Said>>,
}

/// A host's answer.
#[derive(Debug, Default)]
struct Said {
    request: Option<Bytes>,
    headers: Vec<(HeaderName, HeaderValue)>,
    key: Option<Secret>,
}

/// Plans anew, for a request that the host has replaced.
pub(crate) type Replan = Box<dyn Fn(&Request) -> Result<Candidates> + Send + Sync>;

/// Why a call that shows no events is refused where its host is to be asked.
pub(crate) const UNSEEN: &str =
    "configuration has the host asked, and this call shows no questions: stream instead, or submit";

/// A caller who waits for a whole answer sees no questions: none of them would be answered.
pub(crate) fn refuse_unseen(config: &config::Config, candidates: &[Arc<Candidate>]) -> Result<()> {
    let asks = config.hooks.asks() || candidates.iter().any(|it| it.provider.key == Key::Host);
    match asks {
        false => Ok(()),
        true => Err(Error::new(ErrorKind::Unsupported, UNSEEN)),
    }
}

/// Answers a question of this request: with the JSON that the question asks for, or with a status that ends the request.
///
/// # Errors
/// [`ErrorKind::NoRequest`] for a request that has ended or never was, [`ErrorKind::InvalidArgument`] for one that asks nothing, or no
/// longer, and for an answer that does not fit: the question then stays open.
pub fn answer(request: u64, status: i32, json: &str) -> Result<()> {
    if status > 0 {
        return Err(invalid("a status is 0 or negative"));
    }
    let live = crate::live::find(request)?;
    live.asks.settle(status, json)?;
    live.wake();
    Ok(())
}

impl Asks {
    fn open(&self, kind: Kind) -> u32 {
        let mut state = crate::lock(&self.0);
        state.last += 1;
        let number = state.last;
        state.open.push(Open {
            number,
            kind,
            said: None,
        });
        number
    }

    fn settle(&self, status: i32, json: &str) -> Result<()> {
        let told = Told::read(json)?;
        let mut state = crate::lock(&self.0);
        let wanted = |open: &&mut Open| {
            open.said.is_none() && told.id.is_none_or(|number| number == open.number)
        };
        let Some(open) = state.open.iter_mut().find(wanted) else {
            return Err(invalid("this request asks nothing, or no longer"));
        };
        let said = match status {
            0 => Ok(told.said(open.kind)?),
            status => Err(told.refusal(open.kind, status)),
        };
        open.said = Some(said);
        Ok(())
    }

    fn take(&self, number: u32) -> Option<Result<Said>> {
        let mut state = crate::lock(&self.0);
        let open = state.open.iter_mut().find(|open| open.number == number)?;
        open.said.take()
    }

    fn close(&self, number: u32) {
        crate::lock(&self.0)
            .open
            .retain(|open| open.number != number);
    }
}

/// What `llm_answer` was given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told<'a> {
    id: Option<u32>,
    message: Option<String>,
    #[serde(borrow)]
    request: Option<&'a RawValue>,
    headers: Option<BTreeMap<String, String>>,
    api_key: Option<Given>,
}

/// A key on its way in: wiped like any other, also when the answer is refused.
struct Given(Secret);

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Given, D::Error> {
        String::deserialize(deserializer).map(|key| Given(Secret::from(key)))
    }
}

impl<'a> Told<'a> {
    fn read(json: &'a str) -> Result<Told<'a>> {
        let json = match json.trim().is_empty() {
            true => "{}",
            false => json,
        };
        // The parser's own words may quote what was given, which may be a key.
        serde_json::from_str(json).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let keys = "id, message, request, headers, api_key";
            invalid(format!(
                "answer_json: expected an object of {keys}, at line {line}, column {column}"
            ))
        })
    }

    fn said(self, kind: Kind) -> Result<Said> {
        let given = [
            ("request", self.request.is_some()),
            ("headers", self.headers.is_some()),
            ("api_key", self.api_key.is_some()),
        ];
        for (key, is_given) in given {
            if is_given && !kind.takes().contains(&key) {
                let name = kind.name();
                return Err(invalid(format!("{key} answers no question {name:?}")));
            }
        }
        if kind == Kind::Token && self.api_key.is_none() {
            return Err(invalid("a question \"token\" wants an api_key"));
        }
        let mut headers = Vec::new();
        for (name, value) in self.headers.unwrap_or_default() {
            let bad = |why: String| invalid(format!("headers.{}: {why}", config::shown(&name)));
            headers.push((
                config::request_header_name(&name).map_err(bad)?,
                config::header_value(&value).map_err(bad)?,
            ));
        }
        let key = self.api_key.map(|Given(key)| key);
        if let Some(key) = &key {
            let fit = |_| invalid("api_key: is empty, or holds what HTTP does not allow");
            config::header_value(key.expose()).map_err(fit)?;
            if key.expose().is_empty() {
                return Err(invalid("api_key: is empty"));
            }
        }
        Ok(Said {
            request: self
                .request
                .map(|json| Bytes::copy_from_slice(json.get().as_bytes())),
            headers,
            key,
        })
    }

    fn refusal(self, kind: Kind, status: i32) -> Error {
        let message = match self.message {
            Some(message) => config::shown(&message),
            None => "refused by the host".to_owned(),
        };
        refused(kind, kind_of(status), message)
    }
}

/// One question on its way.
struct Question<'q> {
    kind: Kind,
    target: &'q str,
    attempt: Option<u32>,
    /// What else it tells.
    more: &'q (dyn Fn(&mut Object<'_>) + Sync),
}

impl Question<'_> {
    fn json(&self, number: u32, wait: Duration) -> String {
        let mut json = String::with_capacity(256);
        let mut object = Object::begin(&mut json);
        object
            .count("id", Some(number.into()))
            .text("kind", self.kind.name());
        if let Some((provider, model)) = self.target.split_once('/') {
            object
                .text("target", self.target)
                .text("provider", provider)
                .text("model", model);
        }
        if let Some(attempt) = self.attempt {
            object.count("attempt", Some(attempt.into()));
        }
        object.count("deadline_ms", Some(wait.as_millis() as u64));
        (self.more)(&mut object);
        object.end();
        json
    }
}

/// Asks the host whether and what to send, if configuration says so.
pub(crate) async fn before(
    job: &mut Job,
    ticket: &mut Ticket,
    deadline: Option<Instant>,
) -> Result<()> {
    let caller = job.caller.as_deref();
    let source = caller.map_or(job.request.source(), |caller| caller.said(&job.request));
    let source = String::from_utf8_lossy(source);
    let question = Question {
        kind: Kind::Before,
        target: job.candidates.first().map_or("", |it| it.target.text()),
        attempt: None,
        more: &|object| {
            if let Some(caller) = caller {
                object.text("dialect", caller.face.wire());
            }
            object.raw("request", &source);
        },
    };
    let said = ask(ticket, &question, job.hooks.timeout, deadline).await?;
    let Some(body) = said.request else {
        return Ok(());
    };
    let wrong = |error: Error| error.context("the request of a hook's answer");
    let replanned = |request: &Request| match &job.replan {
        Some(replan) => replan(request).map_err(wrong),
        None => Err(invalid("this request cannot be replaced")),
    };
    let (request, caller) = match caller {
        None => (Request::parse(body).map_err(wrong)?, None),
        Some(caller) => caller
            .replaced(body)
            .map(|(request, caller)| (request, Some(caller)))
            .map_err(wrong)?,
    };
    let mut candidates = replanned(&request)?;
    let request = candidates.settle(request);
    if let Some(pass) = &mut job.pass {
        pass.measure(&request, &job.catalog);
    }
    (job.request, job.caller, job.candidates) = (request, caller, candidates);
    Ok(())
}

/// The candidate as this attempt is to ask it: with the key and the headers that the host gives. `None`: as it is.
pub(crate) async fn attempt(
    job: &Job,
    candidate: &Candidate,
    number: u32,
    ticket: &mut Ticket,
    deadline: Option<Instant>,
) -> Result<Option<Candidate>> {
    let mut own = None;
    let mut kinds = [
        (Kind::Token, candidate.provider.key == Key::Host),
        (Kind::Attempt, job.hooks.attempt),
    ]
    .into_iter()
    .filter(|(_, asked)| *asked);
    for (kind, _) in &mut kinds {
        let question = Question {
            kind,
            target: candidate.target.text(),
            attempt: Some(number),
            more: &|_| {},
        };
        let said = ask(ticket, &question, job.hooks.timeout, deadline).await?;
        own.get_or_insert_with(|| candidate.clone())
            .add(said.headers, said.key);
    }
    Ok(own)
}

/// Tells the host how a request went, and waits for its word. A host can refuse what went well; what failed stays failed.
pub(crate) async fn after(
    hooks: config::Hooks,
    outcome: Result<()>,
    with_text: bool,
    ticket: &mut Ticket,
    record: &Record,
    deadline: Option<Instant>,
) -> Result<()> {
    let took = clock::now() - ticket.started();
    let (status, told) = match &outcome {
        Ok(()) => (
            record.refused.as_ref().map_or(Status::Ok, Error::status),
            report::done(record, ticket.id(), with_text, took),
        ),
        Err(error) => (error.status(), report::failed(record, error)),
    };
    let question = Question {
        kind: Kind::After,
        target: record.target.text(),
        attempt: None,
        more: &|object| {
            object.text("status", status.name()).raw("outcome", &told);
        },
    };
    let said = ask(ticket, &question, hooks.timeout, deadline).await;
    outcome.and(said.map(|_| ()))
}

async fn ask(
    ticket: &mut Ticket,
    question: &Question<'_>,
    timeout: Duration,
    deadline: Option<Instant>,
) -> Result<Said> {
    let live = ticket.live().clone();
    let now = clock::now();
    let left = deadline.map(|deadline| deadline.saturating_duration_since(now));
    let wait = left.map_or(timeout, |left| left.min(timeout));
    let number = live.asks.open(question.kind);
    let _closed = Closed(&live, number);
    ticket.ask(number, &question.json(number, wait));
    let mut alarm = Alarm::default();
    let until = now.checked_add(timeout);
    // Whoever answers wakes the request's task, which looks here again.
    let said = poll_fn(|cx| match live.asks.take(number) {
        Some(said) => Poll::Ready(Some(said)),
        None => alarm.poll(cx, until).map(|()| None),
    })
    .await;
    ticket.waited += clock::now() - now;
    said.unwrap_or_else(|| {
        let seconds = timeout.as_secs_f64();
        let message = format!("the host did not answer within {seconds} s");
        Err(refused(question.kind, ErrorKind::Timeout, message))
    })
}

/// A question is over with whoever asked it: cancelled, or late.
struct Closed<'l>(&'l Live, u32);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.asks.close(self.1);
    }
}

fn refused(kind: Kind, error: ErrorKind, message: impl std::fmt::Display) -> Error {
    let param = format!("hooks.{}", kind.name());
    Error::new(error, format!("hook {:?}: {message}", kind.name()))
        .with_provider(None, None, Some(param))
        .with_retry(Retry::Never)
}

/// The plainest kind of a status.
fn kind_of(status: i32) -> ErrorKind {
    if status == Status::Protocol as i32 {
        return ErrorKind::Protocol;
    }
    let mut kinds = ErrorKind::ALL.iter().copied();
    kinds
        .find(|kind| kind.status() as i32 == status)
        .unwrap_or(ErrorKind::Internal)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
