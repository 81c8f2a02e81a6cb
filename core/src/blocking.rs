//! Calls that wait, each over a private queue: callbacks run on the calling thread, and none after the call has returned.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::cached::invalidate;
use crate::call::Answered;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result, Status};
use crate::hooks;
use crate::options::Options;
use crate::process;
use crate::queue::{Delivered, EventType, Queue};
use crate::request::Request;
use crate::runtime;

/// A whole answer.
#[derive(Debug)]
pub struct Answer(Answered);

impl Answer {
    /// Text of the first choice.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The answer as an OpenAI chat completion, with a `libllm` object beside: usage, route, timing.
    pub fn json(&self) -> &str {
        &self.0.json
    }
}

impl From<Answered> for Answer {
    fn from(answered: Answered) -> Answer {
        Answer(answered)
    }
}

impl Client {
    /// Sends a request that is JSON text and waits for the whole answer.
    pub fn complete_json(&self, request: &[u8], options: &Options) -> Result<Answer> {
        self.check()?;
        if invalidate::is_asked(options) {
            return self.whole(|queue, place| {
                self.invalidate(queue, request, options, 0, Some(place), |_| {})
            });
        }
        let request = Request::parse_any(Bytes::copy_from_slice(request))?;
        self.complete(request, options)
    }

    /// Sends a request and waits for the whole answer.
    pub(crate) fn complete(&self, request: Request, options: &Options) -> Result<Answer> {
        let stream = request.stream().unwrap_or(false);
        self.whole(|queue, place| {
            self.start(queue, request, options, 0, stream, Some(place), |_| {})
        })
    }

    fn whole(&self, begin: impl FnOnce(&Queue, Place) -> Result<u64>) -> Result<Answer> {
        let place = Place::default();
        wait(|queue| begin(queue, place.clone()), &mut |_| true)?;
        let answered = crate::lock(&place).take();
        answered
            .map(Answer)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the answer was lost"))
    }

    /// Hands over each event on the calling thread as it comes, the terminal one included; false cancels, and nothing more is
    /// handed over.
    ///
    /// # Errors
    /// What the ERROR event says, or [`ErrorKind::Canceled`].
    pub fn stream_json(
        &self,
        request: &[u8],
        options: &Options,
        on_event: &mut dyn FnMut(&Delivered) -> bool,
    ) -> Result<()> {
        self.check()?;
        if invalidate::is_asked(options) {
            let begin = |queue: &_| self.invalidate(queue, request, options, 0, None, |_| {});
            return wait(begin, on_event);
        }
        let request = Request::parse_any(Bytes::copy_from_slice(request))?;
        let stream = request.stream().unwrap_or(true);
        let begin = |queue: &_| self.start(queue, request, options, 0, stream, None, |_| {});
        wait(begin, on_event)
    }
}

/// Where a whole answer is put.
type Place = Arc<Mutex<Option<Answered>>>;

fn wait(
    begin: impl FnOnce(&Queue) -> Result<u64>,
    on_event: &mut dyn FnMut(&Delivered) -> bool,
) -> Result<()> {
    runtime::refuse_blocking("a call that waits")?;
    let queue = Released(Queue::new(0)?);
    let id = begin(&queue.0)?;
    let mut outcome = None;
    while outcome.is_none() {
        queue.0.poll(EVENTS, None, &mut |event| {
            if outcome.is_some() {
                return;
            }
            let go_on = on_event(event);
            outcome = match event.kind {
                EventType::Done => Some(Ok(())),
                EventType::Error => Some(Err(failure(event))),
                _ if go_on => None,
                _ => Some(Err(Error::new(
                    ErrorKind::Canceled,
                    "canceled by the callback",
                ))),
            };
        })?;
    }
    // Harmless when it has ended.
    let _ = crate::cancel(id);
    outcome.unwrap_or(Ok(()))
}

/// Asks `provider` (`None`: by model), hands the answer's text to `on_text`, returns when it is over. Uses one client of the
/// process, configured from the environment. False from `on_text` cancels.
pub fn invoke(
    provider: Option<&str>,
    request: &[u8],
    on_text: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<()> {
    let outcome = default_client().and_then(|client| {
        let options = Options {
            provider: provider.map(str::to_owned),
            ..Options::default()
        };
        client.stream_json(request, &options, &mut |event| match event.kind {
            EventType::Text => on_text(event.data_with_nul()),
            EventType::Ask => refuse_to_answer(event),
            _ => true,
        })
    });
    if let Err(error) = &outcome {
        tracing::error!(target: "libllm", kind = error.kind().name(), "llm_invoke: {error}");
    }
    outcome
}

// The callback sees text alone: nobody is there who could answer.
fn refuse_to_answer(event: &Delivered) -> bool {
    let why = serde_json::json!({ "message": hooks::UNSEEN }).to_string();
    // A question that is over meanwhile needs no answer.
    let _ = hooks::answer(event.request, Status::Unsupported as i32, &why);
    true
}

fn default_client() -> Result<Client> {
    let mut place = crate::lock(&process::current().default_client);
    if let Some(client) = &*place {
        return Ok(client.clone());
    }
    let client = Client::new("{}")?;
    *place = Some(client.clone());
    Ok(client)
}

/// A queue that is let go with its caller, also by a panic in a callback: its request is cancelled then.
pub(crate) struct Released(pub(crate) Queue);

impl Drop for Released {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// The error that an ERROR event tells of.
pub(crate) fn failure(event: &Delivered) -> Error {
    crate::report::parse(event.text())
}

const EVENTS: usize = 64;
