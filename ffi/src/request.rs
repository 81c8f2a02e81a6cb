//! Requests by number: started into a queue, cancelled, paused, answered.

use std::ffi::{c_char, c_void};

use crate::client::llm_client;
use crate::error::llm_error;
use crate::event::llm_request;
use crate::guard::{self, LLM_NTS};
use crate::options::{self, llm_http_request, llm_options};
use crate::queue::llm_queue;
use crate::status::llm_status_number;

/// Start a request whose events go to `queue`. Returns at once; does no I/O on the calling thread.
///
/// After LLM_OK exactly one terminal event (LLM_EVENT_DONE or LLM_EVENT_ERROR) will be delivered, as the request's last
/// event, whatever happens: success, failure, cancellation, deadline, llm_client_free(). After it the library holds no
/// copy of `user_data`. After any other return value there is no event. `*request` (may be NULL) is set before any event
/// of the request can be polled. Events of one request are in order; between requests there is no order. Whether the request's JSON
/// says "stream" chooses how the provider is asked, not how events are delivered.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn llm_submit(
    client: *mut llm_client,
    queue: *mut llm_queue,
    request_json: *const c_char,
    len: usize,
    options: *const llm_options,
    user_data: *mut c_void,
    request: *mut llm_request,
    err: *mut *mut llm_error,
) -> llm_status_number {
    let body = || {
        // SAFETY: the header's rules for handles, (pointer, length) pairs and options.
        let (client, queue, json, options) = unsafe {
            number(request, 0);
            (
                guard::handle(client)?,
                guard::handle(queue)?,
                guard::text(request_json, len, "request_json")?,
                options::options(options)?,
            )
        };
        // SAFETY: the header's rule for out-parameters.
        let seen = |id| unsafe { number(request, id) };
        let user_data = user_data.expose_provenance();
        client
            .0
            .submit_seen(&queue.0, json.as_bytes(), &options, user_data, seen)?;
        Ok(())
    };
    // SAFETY: the header's rule for `err`.
    unsafe { guard::explained("llm_submit", err, body) }
}

/// Answer an HTTP request that was meant for a provider's API (POST /v1/chat/completions, /v1/responses, /v1/messages ...) in
/// process: route it, translate it if the chosen provider speaks another dialect, and deliver the answer in the dialect of the
/// question, streamed if it asked for a stream. This is what lets an existing SDK keep its code and change only its transport.
///
/// Events: one LLM_EVENT_HTTP_HEAD, any number of LLM_EVENT_HTTP_BODY, then the terminal event, as in llm_submit(). A refusal by
/// the provider is an answer (its status in the head), not an LLM_EVENT_ERROR, and so is one for what is wrong with the request. GET
/// /v1/models lists the models of the configuration. An error without a head is one of the way to the provider, or of time.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn llm_submit_http(
    client: *mut llm_client,
    queue: *mut llm_queue,
    http: *const llm_http_request,
    options: *const llm_options,
    user_data: *mut c_void,
    request: *mut llm_request,
    err: *mut *mut llm_error,
) -> llm_status_number {
    let body = || {
        // SAFETY: the header's rules for handles, structs with a size and out-parameters.
        let (client, queue, http, options) = unsafe {
            number(request, 0);
            (
                guard::handle(client)?,
                guard::handle(queue)?,
                options::http(http)?,
                options::options(options)?,
            )
        };
        // SAFETY: the header's rule for out-parameters.
        let seen = |id| unsafe { number(request, id) };
        let user_data = user_data.expose_provenance();
        client
            .0
            .submit_http(&queue.0, &http, &options, user_data, seen)?;
        Ok(())
    };
    // SAFETY: the header's rule for `err`.
    unsafe { guard::explained("llm_submit_http", err, body) }
}

/// Cancel one request; its terminal event will carry LLM_ERR_CANCELED unless it was already decided. Closes the provider's stream
/// (HTTP/1.1: the connection; HTTP/2: RST_STREAM), so that generation is no longer paid for. LLM_ERR_NOT_FOUND after the end: harmless.
#[unsafe(no_mangle)]
pub extern "C" fn llm_cancel(request: llm_request) -> llm_status_number {
    guard::outcome("llm_cancel", || libllm::cancel(request))
}

/// Stop (1) or resume (0) reading one request's stream: for a pump that serves many sinks, one of which is slow. Paused time does not
/// count towards idle timeouts, but towards the stall limit and the deadline.
#[unsafe(no_mangle)]
pub extern "C" fn llm_pause(request: llm_request, on: i32) -> llm_status_number {
    guard::outcome("llm_pause", || libllm::pause(request, on != 0))
}

/// Answer an LLM_EVENT_ASK of this request. `answer_json` as the question says; a status other than LLM_OK fails the request with it.
/// Several questions of one request (a hedge asks beside its rival) are told apart by "id"; without it the oldest is answered. NULL and
/// an empty text are "{}". LLM_ERR_NOT_FOUND after the request's end; LLM_ERR_INVALID_ARGUMENT for an answer that does not fit, or when
/// nothing is asked, or no longer: a question is answered once. Allowed on any thread and in any callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_answer(
    request: llm_request,
    status: llm_status_number,
    answer_json: *const c_char,
    len: usize,
) -> llm_status_number {
    guard::outcome("llm_answer", || {
        let answer = match answer_json.is_null() {
            true if len == 0 || len == LLM_NTS => "",
            // SAFETY: the header's rule for (pointer, length) pairs.
            _ => unsafe { guard::text(answer_json, len, "answer_json") }?,
        };
        libllm::answer(request, status, answer)
    })
}

/// Tells a caller who wants to know a request's number.
///
/// # Safety
/// `place` is NULL or a place for a number.
unsafe fn number(place: *mut llm_request, id: u64) {
    if !place.is_null() {
        // SAFETY: not NULL, so a place for a number.
        unsafe { place.write_unaligned(id) };
    }
}
