//! The Rust API: a request that can be awaited whole, streamed, or waited for.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::task::AtomicWaker;

use crate::blocking::{self, Answer};
use crate::call::Answered;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result, Status};
use crate::options::Options;
use crate::queue::{Delivered, EventType, Queue};
use crate::request::Request;

/// A request on its way to being sent. Nothing happens before [`Chat::stream`], [`Chat::send`] or [`Chat::send_blocking`].
///
/// ```
/// use futures::StreamExt;
/// # futures::executor::block_on(async {
/// let client = libllm::Client::new("{}")?;
/// let mut events = client.chat("mock/tokens=3", "hi").stream()?;
/// let mut text = String::new();
/// while let Some(event) = events.next().await {
///     let event = event?;
///     if event.kind == libllm::EventType::Text {
///         text += &event.text;
///     }
/// }
/// assert_eq!(text, "w0 w1 w2");
/// # Ok::<(), libllm::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Chat {
    client: Client,
    // What was wrong with it is said when it is sent.
    request: Result<Request>,
    options: Options,
}

impl Chat {
    pub(crate) fn new(client: Client, request: Result<Request>) -> Chat {
        Chat {
            client,
            request,
            options: Options::default(),
        }
    }

    /// Replaces the options.
    pub fn options(mut self, options: Options) -> Chat {
        self.options = options;
        self
    }

    /// Starts the request; its events come as a stream that works on any executor. Dropping the stream cancels the request.
    ///
    /// # Errors
    /// What a request is refused for before anything is sent; all else is an item of the stream.
    pub fn stream(self) -> Result<Events> {
        let request = self.request?;
        let stream = request.stream().unwrap_or(true);
        Events::start(&self.client, request, &self.options, stream, None)
    }

    /// Starts the request and waits for the whole answer.
    pub async fn send(self) -> Result<Answer> {
        let request = self.request?;
        let stream = request.stream().unwrap_or(false);
        let place = Arc::new(Mutex::new(None));
        let mut events = Events::start(
            &self.client,
            request,
            &self.options,
            stream,
            Some(place.clone()),
        )?;
        while let Some(event) = poll_fn(|cx| events.poll_event(cx)).await {
            event?;
        }
        let answered = crate::lock(&place).take();
        answered
            .map(Answer::from)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the answer was lost"))
    }

    /// Starts the request and blocks the calling thread until the whole answer is here.
    pub fn send_blocking(self) -> Result<Answer> {
        self.client.complete(self.request?, &self.options)
    }
}

/// One event, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedEvent {
    /// What it carries.
    pub kind: EventType,
    /// Which of n answers.
    pub choice: u32,
    /// 1 for the first provider tried.
    pub attempt: u32,
    /// Which tool call.
    pub index: u32,
    /// Text, or JSON where the kind says so.
    pub text: String,
}

/// A request's events. The last is [`EventType::Done`], or an error.
#[derive(Debug)]
pub struct Events {
    queue: Queue,
    waker: Arc<AtomicWaker>,
    ready: std::collections::VecDeque<Result<OwnedEvent>>,
    request: u64,
    over: bool,
}

impl Events {
    fn start(
        client: &Client,
        request: Request,
        options: &Options,
        stream: bool,
        place: Option<Arc<Mutex<Option<Answered>>>>,
    ) -> Result<Events> {
        let queue = Queue::new(0)?;
        let waker = Arc::new(AtomicWaker::new());
        let wake = waker.clone();
        queue.set_wake(Some(Box::new(move || wake.wake())))?;
        let request = client.start(&queue, request, options, 0, stream, place, |_| {})?;
        Ok(Events {
            queue,
            waker,
            ready: Default::default(),
            request,
            over: false,
        })
    }

    /// The request's number, for [`crate::cancel`] and [`crate::pause`].
    pub fn request(&self) -> u64 {
        self.request
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<OwnedEvent>>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(event));
            }
            if self.over {
                return Poll::Ready(None);
            }
            // Register first: an event that comes after an empty poll wakes us.
            self.waker.register(cx.waker());
            let (ready, over) = (&mut self.ready, &mut self.over);
            let polled = self.queue.poll(EVENTS, Some(Duration::ZERO), &mut |event| {
                *over |= event.kind.is_terminal();
                ready.push_back(owned(event));
            });
            match polled {
                Ok(0) => return Poll::Pending,
                Ok(_) => {}
                Err(error) => {
                    self.over = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

impl Stream for Events {
    type Item = Result<OwnedEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.queue.release();
    }
}

fn owned(event: &Delivered) -> Result<OwnedEvent> {
    if event.status != Status::Ok {
        return Err(blocking::failure(event));
    }
    Ok(OwnedEvent {
        kind: event.kind,
        choice: event.choice,
        attempt: event.attempt,
        index: event.index,
        text: String::from_utf8_lossy(event.data()).into_owned(),
    })
}

const EVENTS: usize = 64;
