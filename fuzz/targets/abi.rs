//! Sequences of calls of the C ABI: each byte of the input is a call, or a choice that a call makes. Everything is played in process.
//!
//! What is checked: a request that was accepted has exactly one terminal event, and nothing after it; a queue that was closed ends;
//! text is followed by its NUL byte; every status has a name; NULL is an answer, not a crash.
//!
//! The C ABI is unsafe to call, so this is the one target that is.

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};

use llm::*;

/// Plays the calls that `data` spells, then ends whatever is left.
pub(crate) fn sequence(data: &[u8]) {
    let mut play = Play::default();
    let mut bytes = data.iter().copied().take(CALLS_MAX);
    while let Some(call) = bytes.next() {
        let mut choose = || bytes.next().unwrap_or(0);
        let (first, second) = (choose(), choose());
        play.call(call, first, second);
    }
    play.end();
}

#[derive(Default)]
struct Play {
    clients: Vec<*mut llm_client>,
    queues: Vec<*mut llm_queue>,
    requests: HashMap<u64, Asked>,
    /// Numbers of accepted requests, in order.
    numbers: Vec<u64>,
}

/// What is known of one accepted request.
struct Asked {
    queue: *mut llm_queue,
    ended: bool,
}

impl Play {
    fn call(&mut self, call: u8, first: u8, second: u8) {
        let client = one(&self.clients, first).unwrap_or(null_mut());
        let queue = one(&self.queues, second).unwrap_or(null_mut());
        let request = one(&self.numbers, first).unwrap_or(u64::from(first));
        // SAFETY: handles are live or NULL, requests are numbers, text is (pointer, length) or NUL-terminated and outlives its call.
        unsafe {
            match call % 20 {
                0 => self.client_new(first),
                1 => self.queue_new(first),
                2..=4 => self.submit(client, queue, first, second),
                5..=7 => drop(self.poll(queue, usize::from(first % 5), i32::from(first >> 7))),
                8 => known(llm_cancel(request)),
                9 => known(llm_pause(request, i32::from(second & 1))),
                10 => reload(client, second),
                11 => complete(client, second),
                12 => stream(client, second),
                13 => known(llm_queue_close(queue)),
                14 => self.queue_free(second),
                15 => known(llm_client_drain(client, i32::from(second % 3))),
                16 => self.client_free(first),
                17 => wake(queue, first),
                18 => observe(client, queue, first),
                _ => nothing(first),
            }
        }
    }

    unsafe fn client_new(&mut self, choice: u8) {
        if self.clients.len() == HANDLES_MAX {
            return;
        }
        let (text, mut client, mut error) = (pick(CONFIGS, choice), null_mut(), null_mut());
        // SAFETY: text outlives the call; the places are ours.
        let status =
            unsafe { llm_client_new(text.as_ptr().cast(), text.len(), &mut client, &mut error) };
        told(status, error);
        assert_eq!(
            status == 0,
            !client.is_null(),
            "a client with status {status}"
        );
        self.clients.extend((!client.is_null()).then_some(client));
    }

    unsafe fn queue_new(&mut self, choice: u8) {
        if self.queues.len() == HANDLES_MAX {
            return;
        }
        let mut queue = null_mut();
        // SAFETY: the place is ours.
        let status = unsafe { llm_queue_new(pick(BOUNDS, choice), &mut queue) };
        assert_eq!((status, queue.is_null()), (0, false));
        self.queues.push(queue);
    }

    unsafe fn submit(
        &mut self,
        client: *mut llm_client,
        queue: *mut llm_queue,
        first: u8,
        second: u8,
    ) {
        if self.numbers.len() == REQUESTS_MAX {
            return;
        }
        let json = asked(first);
        let options = options(second >> 2);
        let (mut number, mut error) = (0, null_mut());
        let user_data = std::ptr::without_provenance_mut(usize::from(first) + 1);
        // SAFETY: live handles or NULL; text and options outlive the call; the places are ours.
        let status = unsafe {
            let (text, len) = (json.as_ptr().cast(), json.len());
            llm_submit(
                client,
                queue,
                text,
                len,
                &options,
                user_data,
                &mut number,
                &mut error,
            )
        };
        told(status, error);
        if status == 0 {
            assert_ne!(number, 0);
            let fresh = self.requests.insert(
                number,
                Asked {
                    queue,
                    ended: false,
                },
            );
            assert!(fresh.is_none(), "request {number} twice");
            self.numbers.push(number);
        }
    }

    /// Takes a batch and checks each of its events; says what the poll said.
    unsafe fn poll(&mut self, queue: *mut llm_queue, max: usize, timeout_ms: i32) -> i32 {
        let mut events = [EMPTY; 8];
        // SAFETY: a live queue or NULL, and room for `max` events.
        let count = unsafe { llm_queue_poll(queue, events.as_mut_ptr(), max, timeout_ms) };
        if count < 0 {
            known(count);
            return count;
        }
        assert!(count as usize <= max, "{count} of {max}");
        for event in &events[..count as usize] {
            // SAFETY: an event as the library wrote it; no poll has followed.
            unsafe { self.see(queue, event) };
        }
        count
    }

    unsafe fn see(&mut self, queue: *mut llm_queue, event: &llm_event) {
        // SAFETY: `data` is never NULL and has a NUL byte behind its length.
        let nul = unsafe { *event.data.add(event.len) };
        assert_eq!(nul, 0, "no NUL byte behind the data of an event");
        known(event.status);
        if event.request == 0 {
            assert_eq!(event.r#type, llm_event_type::LLM_EVENT_LOG as i32);
            return;
        }
        let asked = self
            .requests
            .get_mut(&event.request)
            .expect("an event of a request nobody made");
        assert_eq!(asked.queue, queue, "an event in another queue");
        assert!(!asked.ended, "an event after the last one");
        assert_ne!(event.user_data, null_mut());
        asked.ended = event.r#type >= llm_event_type::LLM_EVENT_DONE as i32;
        if event.r#type == llm_event_type::LLM_EVENT_ERROR as i32 {
            // SAFETY: the event is as the library wrote it.
            told(event.status, unsafe { llm_error_from_event(event) });
        }
    }

    unsafe fn queue_free(&mut self, choice: u8) {
        if self.queues.is_empty() {
            return;
        }
        let queue = self.queues.remove(usize::from(choice) % self.queues.len());
        // SAFETY: it is live, and nobody has it any more.
        unsafe { llm_queue_free(queue) };
        // Their events were thrown away with it.
        self.requests.retain(|_, asked| asked.queue != queue);
        self.numbers
            .retain(|number| self.requests.contains_key(number));
    }

    unsafe fn client_free(&mut self, choice: u8) {
        if self.clients.is_empty() {
            return;
        }
        let client = self
            .clients
            .remove(usize::from(choice) % self.clients.len());
        // SAFETY: it is live, and nobody has it any more.
        unsafe { llm_client_free(client) };
    }

    /// Closes every queue and polls it until it says that it is over: by then each request has ended.
    fn end(mut self) {
        // SAFETY: handles are live until they are freed here.
        unsafe {
            known(llm_log_to_queue(0, null_mut()));
            for queue in self.queues.clone() {
                known(llm_queue_close(queue));
                let closed = llm_status::LLM_ERR_CLOSED as i32;
                while self.poll(queue, 8, 1000) != closed {}
            }
            for (number, asked) in &self.requests {
                assert!(asked.ended, "request {number} has no terminal event");
                let gone = llm_status::LLM_ERR_NOT_FOUND as i32;
                assert_eq!(
                    llm_cancel(*number),
                    gone,
                    "request {number} ended, and is there"
                );
            }
            self.queues
                .drain(..)
                .for_each(|queue| llm_queue_free(queue));
            self.clients
                .drain(..)
                .for_each(|client| llm_client_free(client));
        }
    }
}

unsafe fn reload(client: *mut llm_client, choice: u8) {
    let (text, mut error) = (pick(CONFIGS, choice), null_mut());
    // SAFETY: a live client or NULL; text outlives the call.
    let status = unsafe { llm_client_reload(client, text.as_ptr().cast(), text.len(), &mut error) };
    told(status, error);
}

unsafe fn complete(client: *mut llm_client, choice: u8) {
    let (json, options) = (asked(choice), options(3));
    let (mut response, mut error) = (null_mut(), null_mut());
    // SAFETY: a live client or NULL; text and options outlive the call; the places are ours.
    unsafe {
        let (text, len) = (json.as_ptr().cast(), json.len());
        let status = llm_complete(client, text, len, &options, &mut response, &mut error);
        told(status, error);
        let mut len = 0;
        for text in [
            llm_response_text(response, &mut len),
            llm_response_json(response, &mut len),
        ] {
            assert_eq!(
                *text.add(0).cast::<u8>() == 0,
                CStr::from_ptr(text).is_empty()
            );
        }
        assert_eq!(
            CStr::from_ptr(llm_response_json(response, &mut len)).count_bytes(),
            len
        );
        llm_response_free(response);
    }
}

unsafe fn stream(client: *mut llm_client, choice: u8) {
    let (json, options, mut error) = (asked(choice), options(3), null_mut());
    // Stops at that event; 0 never.
    let mut left = usize::from(choice >> 5);
    // SAFETY: a live client or NULL; text, options and the counter outlive the call.
    let status = unsafe {
        let (text, len) = (json.as_ptr().cast(), json.len());
        let ctx = (&raw mut left).cast();
        llm_stream(
            client,
            text,
            len,
            &options,
            Some(count_down),
            ctx,
            &mut error,
        )
    };
    told(status, error);
}

unsafe extern "C" fn count_down(event: *const llm_event, ctx: *mut c_void) -> c_int {
    // SAFETY: an event of the library's, and our own counter.
    let (event, left) = unsafe { (&*event, &mut *ctx.cast::<usize>()) };
    known(event.status);
    *left = left.wrapping_sub(1);
    c_int::from(*left == 0)
}

unsafe fn wake(queue: *mut llm_queue, choice: u8) {
    static WAKES: AtomicUsize = AtomicUsize::new(0);
    unsafe extern "C" fn woken(_: *mut c_void) {
        WAKES.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: a live queue or NULL; the callback is good for ever.
    unsafe {
        match choice % 4 {
            0 => known(llm_queue_wakeup(queue)),
            1 => known(llm_queue_set_wake(queue, Some(woken), null_mut())),
            2 => known(llm_queue_set_wake(queue, None, null_mut())),
            _ => assert!(llm_queue_fd(queue) != 0, "the descriptor of standard input"),
        }
    }
}

unsafe fn observe(client: *mut llm_client, queue: *mut llm_queue, choice: u8) {
    // SAFETY: live handles or NULL; the text is freed once.
    unsafe {
        if choice & 1 == 1 {
            return known(llm_log_to_queue(i32::from(choice >> 1 & 7), queue));
        }
        let mut len = 0;
        let text = llm_client_metrics(client, i32::from(choice >> 1 & 3), &mut len);
        if !text.is_null() {
            assert_eq!(CStr::from_ptr(text).count_bytes(), len);
        }
        llm_string_free(text);
    }
}

/// NULL wherever it may stand, and wherever it may not.
unsafe fn nothing(choice: u8) {
    let (text, mut number, mut error) = (null::<c_char>(), 0, null_mut());
    // SAFETY: what the header says of NULL.
    unsafe {
        let status = match choice % 8 {
            0 => llm_client_new(text, 5, null_mut(), &mut error),
            1 => llm_queue_new(0, null_mut()),
            2 => llm_submit(
                null_mut(),
                null_mut(),
                text,
                0,
                null(),
                null_mut(),
                &mut number,
                &mut error,
            ),
            3 => llm_queue_poll(null_mut(), null_mut(), 1, 0),
            4 => llm_complete(null_mut(), text, 0, null(), null_mut(), &mut error),
            5 => llm_invoke(null(), null(), None, null_mut()),
            6 => llm_answer(u64::from(choice), 0, text, 0),
            _ => llm_error_status(null()),
        };
        llm_client_free(null_mut());
        llm_queue_free(null_mut());
        llm_response_free(null_mut());
        llm_string_free(null_mut());
        assert!(status < 0 || choice % 8 == 7, "NULL was taken: {status}");
        told(status, error);
    }
}

/// A status that the header knows.
fn known(status: i32) {
    // SAFETY: a name is a constant of the library's.
    let name = unsafe { CStr::from_ptr(llm_status_name(status)) };
    assert!(
        status > 0 || name.to_bytes().starts_with(b"LLM_"),
        "status {status} is {name:?}"
    );
}

/// Reads an error, if there is one, and frees it.
fn told(status: i32, error: *mut llm_error) {
    known(status);
    if error.is_null() {
        return;
    }
    let mut len = 0;
    // SAFETY: an error that the library gave us, freed once.
    unsafe {
        assert_eq!(
            llm_error_status(error),
            status,
            "an error of another status"
        );
        let json = llm_error_json(error, &mut len);
        let json = std::slice::from_raw_parts(json.cast::<u8>(), len);
        assert!(
            serde_json::from_slice::<serde_json::Value>(json).is_ok(),
            "{json:?}"
        );
        let _ = (
            llm_error_http_status(error),
            llm_error_retry_after_ms(error),
        );
        llm_error_free(error);
    }
}

fn pick<T: Copy>(choices: &[T], choice: u8) -> T {
    choices[usize::from(choice) % choices.len()]
}

fn one<T: Copy>(handles: &[T], choice: u8) -> Option<T> {
    (!handles.is_empty()).then(|| pick(handles, choice))
}

fn asked(choice: u8) -> String {
    let model = pick(MODELS, choice);
    if model.is_empty() {
        return pick(BAD, choice >> 4).to_owned();
    }
    format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi there"}}]}}"#)
}

fn options(choice: u8) -> llm_options {
    llm_options {
        struct_size: size_of::<llm_options>() as u32,
        flags: u32::from(choice >> 2 & 15),
        provider: null(),
        // Nothing that blocks may block for long.
        timeout_ms: [0, 5, 20, 10][usize::from(choice & 3)],
        first_token_timeout_ms: [0, 3][usize::from(choice >> 6 & 1)],
        operation: null(),
        options_json: null(),
    }
}

const EMPTY: llm_event = llm_event {
    request: 0,
    user_data: null_mut(),
    data: null(),
    len: 0,
    r#type: 0,
    status: 0,
    choice: 0,
    attempt: 0,
    at_us: 0,
    index: 0,
    flags: 0,
};

const CONFIGS: &[&str] = &[
    r#"{"default_model":"mock/echo"}"#,
    r#"{"retry":{"max_attempts":1},"timeouts":{"consumer_stall":1}}"#,
    r#"{"models":{"a":{"targets":["mock/status=500","mock/tokens=3"]}}}"#,
    "default_model = \"a\"\n[models.a]\ntargets = [\"mock/error=overloaded;at=0\", \"mock/echo\"]\n",
    r#"{"retyr":1}"#,
    "= nothing",
];

const MODELS: &[&str] = &[
    "mock/echo",
    "mock/tokens=3",
    "a",
    "mock/tokens=200",
    "mock/tokens=20;pace=1ms",
    "mock/tokens=5;reasoning=3;tool=f:%7B%22a%22%3A1%7D",
    "mock/tokens=4;n=2;usage=none",
    "mock/status=429;retry_after=0;times=1",
    "mock/status=500",
    "mock/tokens=9;cut=rst;at=4",
    "mock/tokens=9;cut=fin;at=4;pace=1ms",
    "mock/tokens=9;garbage;at=2",
    "mock/tokens=9;stall=1s;at=3",
    "mock/error=overloaded",
    "nowhere/model",
    "",
];

const BAD: &[&str] = &[
    "",
    "{",
    "[]",
    r#"{"model":"mock/echo"}"#,
    r#"{"messages":[{"role":"user","content":"to the default"}]}"#,
    r#"{"model":"mock/","messages":[{"role":"user","content":"x"}]}"#,
];

const BOUNDS: &[usize] = &[0, 1, 4096, 1 << 20];
const HANDLES_MAX: usize = 3;
const REQUESTS_MAX: usize = 64;
// Three bytes a call: a run stays short.
const CALLS_MAX: usize = 600;
