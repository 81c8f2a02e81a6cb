//! How an answer leaves: as events, or as the HTTP answer that a server of the caller's format would have given.

use std::time::{Duration, Instant, UNIX_EPOCH};

use libllm_proto::event::Batch;
use libllm_proto::inbound::{Events, Facts, Inbound, Writer};
use libllm_proto::wire::Head;
use serde_json::json;

use crate::clock;
use crate::error::{Error, Result, Status};
use crate::inbound::{Caller, end_to_end};
use crate::plan::Candidate;
use crate::queue::EventType;
use crate::report::Record;
use crate::source::{self, Source};
use crate::target::Target;
use crate::ticket::Ticket;

/// Where one answer goes.
pub(crate) enum Outlet {
    /// To a consumer of events.
    Events,
    /// To a caller who speaks HTTP.
    Http(Box<Http>),
}

/// An HTTP answer on its way.
pub(crate) struct Http {
    face: &'static dyn Inbound,
    stream: bool,
    /// The head's JSON, until it has left.
    head: Option<String>,
    voice: Voice,
    out: Vec<u8>,
}

enum Voice {
    /// The provider's bytes are the answer's; of a stream, event by event.
    Passing(Option<Events>),
    /// The answer is said anew.
    Writing(Box<dyn Writer>),
}

impl Outlet {
    /// For the answer that begins with `head`.
    pub(crate) fn open(
        caller: Option<&Caller>,
        candidate: &Candidate,
        head: &Head,
        ticket: &Ticket,
        record: &Record,
    ) -> Outlet {
        let Some(caller) = caller else {
            return Outlet::Events;
        };
        let stream = caller.outline.stream;
        // What is screened is said anew: what may not pass is in the provider's bytes.
        // What came compressed though nobody asked for that is said anew: the caller did not ask for it either.
        let passes = !record.screened
            && caller.passes(candidate.wire)
            && head
                .header("content-encoding")
                .is_none_or(|coding| coding == "identity");
        let (voice, headers) = match passes {
            true => (
                passing(caller, candidate, head),
                end_to_end(&head.headers).map(owned).collect(),
            ),
            false => (
                writing(caller, &candidate.target, ticket),
                own_headers(caller, record),
            ),
        };
        let head = head_json(if passes { head.status } else { 200 }, headers, record);
        Outlet::Http(Box::new(Http {
            face: caller.face,
            stream,
            head: Some(head),
            voice,
            out: Vec::new(),
        }))
    }

    /// For an answer that is known by its events alone.
    pub(crate) fn anew(
        caller: Option<&Caller>,
        target: &Target,
        ticket: &Ticket,
        record: &Record,
    ) -> Outlet {
        let Some(caller) = caller else {
            return Outlet::Events;
        };
        Outlet::Http(Box::new(Http {
            face: caller.face,
            stream: caller.outline.stream,
            head: Some(head_json(200, own_headers(caller, record), record)),
            voice: writing(caller, target, ticket),
            out: Vec::new(),
        }))
    }

    /// Hands over events of such an answer.
    pub(crate) async fn hand(
        &mut self,
        batch: &Batch,
        provider: &str,
        at: Instant,
        ticket: &mut Ticket,
        stall: Duration,
    ) -> Result<()> {
        match self {
            Outlet::Events => ticket.deliver(batch, provider, at, stall).await,
            Outlet::Http(http) => {
                if let Voice::Writing(writer) = &mut http.voice {
                    writer.write(batch, &mut http.out);
                }
                Box::pin(http.send(at, ticket, stall)).await
            }
        }
    }

    /// Whether it goes to a consumer of events.
    pub(crate) fn is_events(&self) -> bool {
        matches!(self, Outlet::Events)
    }

    /// Whether the provider's bytes are wanted as they came.
    pub(crate) fn taps(&self) -> bool {
        matches!(self, Outlet::Http(http) if matches!(http.voice, Voice::Passing(_)))
    }

    /// Hands over what came of one read.
    pub(crate) async fn deliver(
        &mut self,
        batch: &Batch,
        source: &mut Source,
        provider: &str,
        at: Instant,
        ticket: &mut Ticket,
        stall: Duration,
    ) -> Result<()> {
        let Outlet::Http(http) = self else {
            let mut done = 0;
            if ticket.offer(batch, &mut done, provider, at) {
                return Ok(());
            }
            // Boxed: few calls ever wait here, and each would be as large as if it did.
            let waiting = Box::pin(async move {
                let delivering = ticket.deliver_from(batch, &mut done, provider, at, stall);
                source.meanwhile(std::pin::pin!(delivering)).await
            });
            return waiting.await;
        };
        match &mut http.voice {
            Voice::Passing(Some(events)) => events.push(source.tapped(), &mut http.out),
            Voice::Passing(None) => http.out.extend_from_slice(source.tapped()),
            Voice::Writing(writer) => writer.write(batch, &mut http.out),
        }
        source.forget_tapped();
        // Boxed: a call whose consumer takes events does not carry this around.
        let sending = Box::pin(http.send(at, ticket, stall));
        source.meanwhile(std::pin::pin!(sending)).await
    }

    /// Hands over what ends a good answer.
    pub(crate) async fn finish(
        &mut self,
        at: Instant,
        ticket: &mut Ticket,
        stall: Duration,
    ) -> Result<()> {
        let Outlet::Http(http) = self else {
            return Ok(());
        };
        match &mut http.voice {
            Voice::Passing(Some(events)) => events.finish(&mut http.out),
            Voice::Passing(None) => {}
            Voice::Writing(writer) => writer.finish(&mut http.out),
        }
        Box::pin(http.send(at, ticket, stall)).await
    }

    /// Tells a caller whose stream has begun that it cannot go on. A provider's own word about that has been passed on.
    pub(crate) async fn broken(&mut self, error: &Error, ticket: &mut Ticket, stall: Duration) {
        let Outlet::Http(http) = self else { return };
        let told = matches!(http.voice, Voice::Passing(_)) && crate::inbound::is_answer(error);
        if http.stream && http.head.is_none() && !told {
            http.face.broken(error, &mut http.out);
            // Nobody may be there to be told; the terminal event says it again.
            let _ = Box::pin(http.send(clock::now(), ticket, stall)).await;
        }
    }
}

impl Http {
    async fn send(&mut self, at: Instant, ticket: &mut Ticket, stall: Duration) -> Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        if let Some(head) = self.head.take() {
            let kind = EventType::HttpHead;
            ticket
                .deliver_bytes(kind, head.as_bytes(), at, stall)
                .await?;
        }
        let out = std::mem::take(&mut self.out);
        ticket
            .deliver_bytes(EventType::HttpBody, &out, at, stall)
            .await?;
        self.out = out;
        source::empty(&mut self.out);
        Ok(())
    }
}

fn passing(caller: &Caller, candidate: &Candidate, head: &Head) -> Voice {
    let content_type = head.content_type();
    let streams = match content_type.as_str() {
        "text/event-stream" => true,
        name if name.ends_with("json") => false,
        _ => caller.outline.stream,
    };
    let asked_by_us = candidate.provider.quirks.stream_usage && !caller.outline.include_usage;
    Voice::Passing(streams.then(|| Events::new(asked_by_us)))
}

fn writing(caller: &Caller, target: &Target, ticket: &Ticket) -> Voice {
    let created = clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    let facts = Facts {
        stream: caller.outline.stream,
        include_usage: caller.outline.include_usage,
        number: ticket.id(),
        created: created.as_secs(),
        model: target.model().into(),
        provider: target.provider().into(),
        echo: caller.echo.clone(),
    };
    Voice::Writing(caller.face.writer(facts))
}

fn own_headers(caller: &Caller, record: &Record) -> Vec<(String, String)> {
    let content_type = match caller.outline.stream {
        true => "text/event-stream; charset=utf-8",
        false => "application/json",
    };
    let mut headers = vec![owned(("content-type", content_type))];
    if caller.outline.stream {
        headers.push(owned(("cache-control", "no-cache")));
    }
    if let Some(id) = &record.request_id {
        headers.push(owned((caller.face.request_id(), id)));
    }
    headers
}

/// An HTTP answer that is known whole.
#[derive(Debug)]
pub(crate) struct Answer {
    /// How the call is counted.
    pub(crate) outcome: Status,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// A good one, of JSON.
    pub(crate) fn good(body: Vec<u8>) -> Answer {
        Answer {
            outcome: Status::Ok,
            status: 200,
            headers: vec![owned(("content-type", "application/json"))],
            body,
        }
    }

    /// A refusal in the words of the caller's format.
    pub(crate) fn refusal(face: &dyn Inbound, error: &Error) -> Answer {
        let (status, body) = face.refusal(error);
        let mut answer = Answer {
            outcome: error.status(),
            status,
            body,
            ..Answer::good(Vec::new())
        };
        // SDKs would try again what was tried again here.
        answer.headers.push(owned(("x-should-retry", "false")));
        if let Some(id) = error.request_id() {
            answer.headers.push(owned((face.request_id(), id)));
        }
        if let Some(wait) = error.retry_after() {
            let ms = wait.as_millis();
            let seconds = ms.div_ceil(1000).to_string();
            answer.headers.push(owned(("retry-after", &seconds)));
            answer
                .headers
                .push(owned(("retry-after-ms", &ms.to_string())));
        }
        answer
    }

    /// The same with another status.
    pub(crate) fn of_status(status: u16, face: &dyn Inbound, error: &Error) -> Answer {
        Answer {
            status,
            ..Answer::refusal(face, error)
        }
    }

    /// A provider's own refusal, as it came, if it is one of the caller's format. Of our own headers those stay that say when to
    /// ask again, and the number without what must not be shown.
    fn passed(mut self, error: &Error, record: &Record) -> Answer {
        let own = error.http_status().filter(|status| *status >= 400);
        if let (Some(status), Some(body)) = (own, error.body())
            && serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok()
        {
            self.status = status;
            self.body = body.as_bytes().to_vec();
            if let Some(told) = record.refusal.as_deref().filter(|told| told.0 == status) {
                let headers = &told.1;
                let ours = |name: &str| self.headers.iter().any(|(own, _)| own == name);
                let more: Vec<_> = headers
                    .iter()
                    .filter(|(name, _)| !ours(name))
                    .cloned()
                    .collect();
                self.headers.extend(more);
            }
        }
        self
    }

    /// Hands it over.
    pub(crate) async fn send(
        self,
        record: &Record,
        ticket: &mut Ticket,
        stall: Duration,
    ) -> Result<()> {
        let at = clock::now();
        let head = head_json(self.status, self.headers, record);
        ticket
            .deliver_bytes(EventType::HttpHead, head.as_bytes(), at, stall)
            .await?;
        if self.body.is_empty() {
            return Ok(());
        }
        ticket
            .deliver_bytes(EventType::HttpBody, &self.body, at, stall)
            .await
    }
}

/// Tells the caller what the provider refused.
pub(crate) async fn refuse(
    face: &dyn Inbound,
    error: &Error,
    record: &Record,
    ticket: &mut Ticket,
    stall: Duration,
) -> Result<()> {
    let mut answer = Answer::refusal(face, error);
    if record.wire == face.wire() {
        answer = answer.passed(error, record);
    }
    answer.send(record, ticket, stall).await
}

/// An HTTP_HEAD event's JSON. What only we know goes along: who answered, at which attempt, and what of the request was left out.
fn head_json(status: u16, mut headers: Vec<(String, String)>, record: &Record) -> String {
    if !record.target.text().is_empty() {
        headers.push(owned(("x-libllm-target", &visible(record.target.text()))));
        let attempts = record.attempts.len() + usize::from(record.underway.is_some());
        headers.push(owned(("x-libllm-attempts", &attempts.to_string())));
    }
    if !record.dropped.is_empty() {
        let dropped = record.dropped.iter();
        let names: Vec<String> = dropped
            .map(|dropped| format!("{} {}", dropped.action, dropped.param))
            .collect();
        let mut text = visible(&names.join(", "));
        text.truncate(DROPPED_MAX);
        headers.push(owned(("x-libllm-dropped", &text)));
    }
    json!({"status": status, "headers": headers}).to_string()
}

/// A header of this size passes everywhere; the terminal event has it all.
const DROPPED_MAX: usize = 1024;

/// A text as a header may hold it.
fn visible(text: &str) -> String {
    let fit = |c: char| {
        if c == ' ' || c.is_ascii_graphic() {
            c
        } else {
            '?'
        }
    };
    text.chars().map(fit).collect()
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
