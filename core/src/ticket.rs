//! A call's right to speak to its queue, and its duty to say one last thing: dropped unfinished, by cancel, panic or
//! shutdown, it delivers the terminal event itself.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use libllm_proto::event::{Batch, Event};

use crate::bell;
use crate::clock::{self, Alarm};
use crate::error::{Error, ErrorKind, Phase, Result, Status};
use crate::live::Live;
use crate::observe::Account;
use crate::process::Process;
use crate::queue::{EventType, Inlet, Lane, New, Queue, Shared};
use crate::report;

/// One call's way to its consumer.
#[derive(Debug)]
pub(crate) struct Ticket {
    queue: Arc<Shared>,
    lane: Lane,
    /// An attempt that was opened for the consumer, told of with what comes first.
    opened: Option<(String, Instant)>,
    /// Who is told of the call when it has ended, and what must be kept for that.
    pub(crate) account: Option<Box<Account>>,
    /// For how long the host was waited for since its answer's last bytes came: for a word of it, or for room in its queue.
    pub(crate) waited: Duration,
    finished: bool,
}

impl Ticket {
    /// Counts a request in, in the queue and among the live ones.
    pub(crate) fn issue(
        queue: &Queue,
        client: u64,
        user_data: usize,
        join: bool,
        share_max: usize,
    ) -> Result<Ticket> {
        let process = queue.process();
        queue.shared.enter()?;
        let live = process.live.enter(client, queue.shared.number);
        // Whoever closed it meanwhile did not see this request.
        if queue.shared.is_closed() {
            live.cancel();
        }
        let lane = Lane {
            live,
            process,
            user_data,
            started: clock::now(),
            attempt: 1,
            join,
            share_max,
            last: None,
            last_seq: 0,
        };
        Ok(Ticket {
            queue: queue.shared.clone(),
            lane,
            opened: None,
            account: None,
            waited: Duration::ZERO,
            finished: false,
        })
    }

    /// The same call's, for one of several answers that are heard beside each other: it says nothing, and owes no last word.
    pub(crate) fn aside(&self) -> Ticket {
        Ticket {
            queue: self.queue.clone(),
            lane: Lane {
                live: self.lane.live.clone(),
                process: self.lane.process,
                last: None,
                ..self.lane
            },
            opened: None,
            account: None,
            waited: Duration::ZERO,
            finished: true,
        }
    }

    /// The request's number.
    pub(crate) fn id(&self) -> u64 {
        self.lane.live.id
    }

    /// Whether deltas may be joined.
    pub(crate) fn joins(&self) -> bool {
        self.lane.join
    }

    /// The process it belongs to.
    pub(crate) fn process(&self) -> &'static Process {
        self.lane.process
    }

    /// What others may do to the request meanwhile.
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.lane.live
    }

    /// When the request was submitted.
    pub(crate) fn started(&self) -> Instant {
        self.lane.started
    }

    /// Events from now on belong to this attempt.
    pub(crate) fn set_attempt(&mut self, attempt: u32) {
        self.lane.attempt = attempt;
    }

    /// Hands one read's events over; waits while there is no room, at most `stall`.
    pub(crate) async fn deliver(
        &mut self,
        batch: &Batch,
        provider: &str,
        at: Instant,
        stall: Duration,
    ) -> Result<()> {
        self.deliver_from(batch, &mut 0, provider, at, stall).await
    }

    /// The same of what has not been handed over yet: from the event of this number on, which is moved on.
    pub(crate) async fn deliver_from(
        &mut self,
        batch: &Batch,
        done: &mut usize,
        provider: &str,
        at: Instant,
        stall: Duration,
    ) -> Result<()> {
        let mut until = None;
        loop {
            let before = *done;
            if self.offer(batch, done, provider, at) {
                return Ok(());
            }
            if *done > before {
                until = None;
            }
            // Boxed: few calls ever wait here, and each would be as large as if it did.
            Box::pin(self.wait_for_room(&mut until, stall)).await?;
        }
    }

    /// Hands over as much as there is room for, and says whether that was all.
    pub(crate) fn offer(
        &mut self,
        batch: &Batch,
        done: &mut usize,
        provider: &str,
        at: Instant,
    ) -> bool {
        self.push_from(batch, provider, done, at);
        bell::mark(&self.queue, batch.bytes(), at);
        *done == batch.len()
    }

    /// Hands over one event of an HTTP answer; waits while there is no room, at most `stall`.
    pub(crate) async fn deliver_bytes(
        &mut self,
        kind: EventType,
        data: &[u8],
        at: Instant,
        stall: Duration,
    ) -> Result<()> {
        let mut until = None;
        let new = New {
            kind,
            status: Status::Ok,
            choice: 0,
            index: 0,
            data,
        };
        while !self.queue.inlet().push(&mut self.lane, new, at) {
            self.wait_for_room(&mut until, stall).await?;
        }
        bell::mark(&self.queue, data.len(), at);
        Ok(())
    }

    /// Hands over the answer of an operation of our own: so little that there is room for it, for nothing came before it.
    pub(crate) fn result(&mut self, json: &str) {
        self.push_free(EventType::Result, Status::Ok, json, clock::now());
    }

    /// Opens an attempt for the consumer, who is told of it with the next event.
    pub(crate) fn route(&mut self, json: String, at: Instant) {
        self.opened = Some((json, at));
    }

    /// Asks the host something; the number goes along as the event's `index`.
    pub(crate) fn ask(&mut self, number: u32, json: &str) {
        let at = clock::now();
        let mut inlet = self.queue.inlet();
        open(&mut self.opened, &mut inlet, &mut self.lane);
        let mut event = free(EventType::Ask, Status::Ok, json);
        event.index = number;
        inlet.push(&mut self.lane, event, at);
        drop(inlet);
        bell::mark(&self.queue, json.len(), at);
    }

    /// Says the last thing.
    pub(crate) fn finish(&mut self, kind: EventType, status: Status, json: &str) {
        self.finished = true;
        // First, so that a consumer who reacts to the event finds the number gone.
        self.lane.process.live.leave(self.lane.live.id);
        let at = clock::now();
        self.push_free(kind, status, json, at);
    }

    /// Waits while the request is paused, at most `stall`.
    pub(crate) async fn wait_while_paused(&self, stall: Duration) -> Result<()> {
        let (mut alarm, until) = (Alarm::default(), clock::now() + stall);
        poll_fn(|cx| match self.lane.live.is_paused() {
            false => Poll::Ready(Ok(())),
            true => stalled(&mut alarm, cx, until, stall),
        })
        .await
    }

    fn push_free(&mut self, kind: EventType, status: Status, json: &str, at: Instant) {
        let mut inlet = self.queue.inlet();
        open(&mut self.opened, &mut inlet, &mut self.lane);
        inlet.push(&mut self.lane, free(kind, status, json), at);
        drop(inlet);
        bell::mark(&self.queue, json.len(), at);
    }

    fn push_from(&mut self, batch: &Batch, provider: &str, done: &mut usize, at: Instant) {
        let mut inlet = self.queue.inlet();
        open(&mut self.opened, &mut inlet, &mut self.lane);
        for (choice, event) in batch.iter().skip(*done) {
            let made;
            let (kind, index, data) = match event {
                Event::Text(text) => (EventType::Text, 0, text.as_bytes()),
                Event::Reasoning(text) => (EventType::Reasoning, 0, text.as_bytes()),
                Event::Refusal(text) => (EventType::Refusal, 0, text.as_bytes()),
                Event::ToolArgs { index, arguments } => {
                    (EventType::ToolArgs, index, arguments.as_bytes())
                }
                Event::ToolCall { index, id, name } => {
                    let id = match id {
                        Some(id) => id.to_owned(),
                        None => report::tool_id(self.lane.live.id, choice, index),
                    };
                    made = report::tool_call(&id, name);
                    (EventType::ToolCall, index, made.as_bytes())
                }
                Event::Part { kind, index, json } => {
                    made = report::part(provider, kind, index, json);
                    (EventType::Part, index, made.as_bytes())
                }
                Event::Raw(bytes) => (EventType::Raw, 0, bytes),
                Event::Result { data, .. } => (EventType::Result, 0, data),
                _ => {
                    *done += 1;
                    continue;
                }
            };
            let new = New {
                kind,
                status: Status::Ok,
                choice,
                index,
                data,
            };
            if !inlet.push(&mut self.lane, new, at) {
                return;
            }
            *done += 1;
        }
    }

    // A consumer that takes other requests' events meanwhile is none that reads nothing: it is given as long again.
    async fn wait_for_room(&mut self, until: &mut Option<Instant>, stall: Duration) -> Result<()> {
        let (taken, now) = (self.queue.taken(), clock::now());
        let end = *until.get_or_insert_with(|| now + stall);
        let waited = self.wait_for_consumer(end, stall).await;
        self.waited += clock::now() - now;
        if waited.is_err() && self.queue.taken() != taken {
            *until = None;
            return Ok(());
        }
        waited
    }

    // Woken by the queue when there may be room; the caller looks again.
    async fn wait_for_consumer(&mut self, until: Instant, stall: Duration) -> Result<()> {
        let (mut alarm, mut woken) = (Alarm::default(), false);
        poll_fn(|cx| match stalled(&mut alarm, cx, until, stall) {
            Poll::Pending if std::mem::replace(&mut woken, true) => Poll::Ready(Ok(())),
            poll => poll,
        })
        .await
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let (kind, message) = match std::thread::panicking() {
            true => (
                ErrorKind::Internal,
                "the library panicked while it served this request",
            ),
            false if self.lane.live.is_canceled() => (ErrorKind::Canceled, "canceled"),
            false => (ErrorKind::Closed, "the library was shut down"),
        };
        let error = Error::new(kind, message);
        self.process().counters.finished(error.status(), None);
        if let Some(account) = self.account.take() {
            account.lost(&error);
        }
        self.finish(EventType::Error, error.status(), &report::bare(&error));
    }
}

fn open(opened: &mut Option<(String, Instant)>, inlet: &mut Inlet<'_>, lane: &mut Lane) {
    if let Some((json, at)) = opened.take() {
        inlet.push(lane, free(EventType::Route, Status::Ok, &json), at);
    }
}

// An event that no bound holds back.
fn free(kind: EventType, status: Status, json: &str) -> New<'_> {
    New {
        kind,
        status,
        choice: 0,
        index: 0,
        data: json.as_bytes(),
    }
}

fn stalled(
    alarm: &mut Alarm,
    cx: &mut Context<'_>,
    until: Instant,
    stall: Duration,
) -> Poll<Result<()>> {
    alarm.poll(cx, Some(until)).map(|()| {
        let message = format!(
            "the consumer left events unread for {} s",
            stall.as_secs_f64()
        );
        Err(Error::new(ErrorKind::ConsumerStalled, message).with_phase(Phase::Consumer))
    })
}

#[cfg(all(test, llm_loom))]
mod races;
