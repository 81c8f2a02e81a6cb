//! Events as C reads them, and the numbers of what they carry.

use std::ffi::{c_char, c_int, c_void};

use libllm::Delivered;

use crate::status::llm_status_number;

/// Names one request for the life of the process; never reused, never 0, never above 2^53-1. Nothing to release.
pub type llm_request = u64;

/// What an event carries, as a plain number: see [`llm_status_number`]. The header calls it `llm_event_type`.
pub type llm_event_type_number = i32;

/// What an event carries in `data`. From 100 on an event is terminal. Ignore others that you do not know: they may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum llm_event_type {
    /// Answer text, a delta.
    LLM_EVENT_TEXT = 1,
    /// Reasoning text, a delta.
    LLM_EVENT_REASONING = 2,
    /// JSON: {"id","name"}: tool call number `index` begins.
    LLM_EVENT_TOOL_CALL = 3,
    /// Arguments of tool call `index`, a delta of JSON text.
    LLM_EVENT_TOOL_ARGS = 4,
    /// JSON: provider, model, reason, voids. Opens an attempt; where `voids` is true the deltas of earlier attempts count no
    /// more. By default nothing is retried once a delta has been delivered.
    LLM_EVENT_ROUTE = 5,
    /// The whole answer of an operation that does not stream: JSON, or bytes (speech, images).
    LLM_EVENT_RESULT = 6,
    /// JSON: status, headers (array of pairs). First event of an llm_submit_http() request.
    LLM_EVENT_HTTP_HEAD = 7,
    /// Bytes of the answer in the caller's own dialect, as a server would write them.
    LLM_EVENT_HTTP_BODY = 8,
    /// The provider's own chunk, unparsed; only with LLM_OPT_RAW.
    LLM_EVENT_RAW = 9,
    /// A log line; request 0, `index` its level. Only after llm_log_to_queue().
    LLM_EVENT_LOG = 10,
    /// JSON: a hook that config gave to the host (sign, redact, choose, supply a token) wants an answer; the request
    /// waits for llm_answer(), within its deadline.
    LLM_EVENT_ASK = 11,
    /// Refusal text, a delta; never mixed into LLM_EVENT_TEXT.
    LLM_EVENT_REFUSAL = 12,
    /// JSON: what must survive byte for byte but is no text: signature, redacted or encrypted reasoning, citation,
    /// server tool, image, audio, plan of tool calls.
    LLM_EVENT_PART = 13,
    /// Terminal. JSON: choices [{finish_reason, message}] (the turn to append: tool calls, each complete or not, signed
    /// and redacted reasoning; text only with LLM_OPT_MESSAGE), usage, cost, provider, model, attempts, timings,
    /// dropped parameters.
    LLM_EVENT_DONE = 100,
    /// Terminal. `status` the cause; data as llm_error_json(); see llm_error_from_event().
    LLM_EVENT_ERROR = 101,
}

/// One event. 64 bytes on 64-bit targets, for ever.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct llm_event {
    /// Whose event it is; 0 for a log line.
    pub request: llm_request,
    /// As given to llm_submit(); never read by the library.
    pub user_data: *mut c_void,
    /// What the type says, followed by a NUL byte.
    pub data: *const c_char,
    /// Bytes of `data`, without the NUL byte.
    pub len: usize,
    /// What `data` is.
    pub r#type: llm_event_type_number,
    /// LLM_OK except in LLM_EVENT_ERROR.
    pub status: llm_status_number,
    /// Which of n answers.
    pub choice: u32,
    /// 1 for the first provider tried; a higher number follows a retry or fallback.
    pub attempt: u32,
    /// Microseconds from submission to the (first, if joined) bytes' arrival from the network.
    pub at_us: u64,
    /// Which tool call.
    pub index: u32,
    /// 0 for now.
    pub flags: u32,
}

/// Event callback of llm_stream(). Return 0 to go on; anything else cancels, and nothing more is delivered.
pub type llm_event_fn =
    Option<unsafe extern "C" fn(event: *const llm_event, ctx: *mut c_void) -> c_int>;

impl llm_event {
    /// Lends an event: its data stays where it is, and is valid as long as the library promises.
    pub(crate) fn lend(event: &Delivered) -> llm_event {
        llm_event {
            request: event.request,
            user_data: std::ptr::with_exposed_provenance_mut(event.user_data),
            data: event.data_with_nul().as_ptr().cast(),
            len: event.data().len(),
            r#type: event.kind as i32,
            status: event.status as i32,
            choice: event.choice,
            attempt: event.attempt,
            at_us: event.at_us,
            index: event.index,
            flags: 0,
        }
    }
}
