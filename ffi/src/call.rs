//! Calls that wait for their answer, on the thread that makes them.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use libllm::Delivered;

use crate::client::llm_client;
use crate::error::{lent, llm_error};
use crate::event::{llm_event, llm_event_fn};
use crate::guard::{self, LLM_NTS};
use crate::options::{self, llm_options};
use crate::status::llm_status_number;
use crate::text::Text;

/// Token callback. Return 0 to go on; anything else cancels, and nothing more is delivered, the terminal event included.
pub type llm_token_fn =
    Option<unsafe extern "C" fn(token: *const c_char, len: usize, ctx: *mut c_void) -> c_int>;

/// A whole answer.
#[derive(Debug)]
pub struct llm_response {
    text: Text,
    json: Text,
}

/// Ask `provider` (NULL: route by model), stream the answer's text to `callback`, return when it is over.
///
/// Uses a process-wide client configured from the environment (LLM_CONFIG, then OPENAI_API_KEY and the like), made at the first
/// call and freed by llm_shutdown(). The callback runs on the calling thread, in order, and is never called after the function
/// has returned. `callback` may be NULL. What went wrong in words goes to the log; callers who need it use llm_stream().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_invoke(
    provider: *const c_char,
    request_json: *const c_char,
    callback: llm_token_fn,
    ctx: *mut c_void,
) -> llm_status_number {
    guard::outcome("llm_invoke", || {
        // SAFETY: the header's rule for NUL-terminated text.
        let (provider, request) = unsafe {
            (
                guard::optional(provider, "provider")?,
                guard::text(request_json, LLM_NTS, "request_json")?,
            )
        };
        libllm::invoke(provider, request.as_bytes(), &mut |token| match callback {
            // SAFETY: the caller's function, with the context it gave; the token's last byte is the NUL behind its text.
            Some(callback) => unsafe { callback(token.as_ptr().cast(), token.len() - 1, ctx) == 0 },
            None => true,
        })
    })
}

/// Send a chat request (OpenAI JSON) and wait for the whole answer. `*out` is owned.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn llm_complete(
    client: *mut llm_client,
    request_json: *const c_char,
    len: usize,
    options: *const llm_options,
    out: *mut *mut llm_response,
    err: *mut *mut llm_error,
) -> llm_status_number {
    let body = || {
        // SAFETY: the header's rules for out-parameters, handles, (pointer, length) pairs and options.
        let (out, client, request, options) = unsafe {
            (
                guard::place(out, ptr::null_mut(), "out")?,
                guard::handle(client)?,
                guard::text(request_json, len, "request_json")?,
                options::options(options)?,
            )
        };
        let answer = client.0.complete_json(request.as_bytes(), &options)?;
        let (text, json) = (Text::new(answer.text()), Text::new(answer.json()));
        *out = Box::into_raw(Box::new(llm_response { text, json }));
        Ok(())
    };
    // SAFETY: the header's rule for `err`.
    unsafe { guard::explained("llm_complete", err, body) }
}

/// Like llm_complete(), but hands over each event on the calling thread as it arrives, the terminal one included.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn llm_stream(
    client: *mut llm_client,
    request_json: *const c_char,
    len: usize,
    options: *const llm_options,
    on_event: llm_event_fn,
    ctx: *mut c_void,
    err: *mut *mut llm_error,
) -> llm_status_number {
    let body = || {
        // SAFETY: the header's rules for handles, (pointer, length) pairs and options.
        let (client, request, options) = unsafe {
            (
                guard::handle(client)?,
                guard::text(request_json, len, "request_json")?,
                options::options(options)?,
            )
        };
        let on_event = on_event.ok_or_else(|| guard::invalid("on_event is NULL"))?;
        client
            .0
            .stream_json(request.as_bytes(), &options, &mut |event: &Delivered| {
                // SAFETY: the caller's function, with the context it gave; the event is lent for the length of the call.
                unsafe { on_event(&llm_event::lend(event), ctx) == 0 }
            })
    };
    // SAFETY: the header's rule for `err`.
    unsafe { guard::explained("llm_stream", err, body) }
}

/// Text of the first choice. Borrowed from the response. `len` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_response_text(
    response: *const llm_response,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: NULL or a live response, and NULL or a place for a length.
    unsafe {
        lent("llm_response_text", response, len, |response| {
            &response.text
        })
    }
}

/// The whole answer as OpenAI-shaped JSON, with usage, cost and route. Borrowed from the response.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_response_json(
    response: *const llm_response,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: NULL or a live response, and NULL or a place for a length.
    unsafe {
        lent("llm_response_json", response, len, |response| {
            &response.json
        })
    }
}

/// Release a response.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_response_free(response: *mut llm_response) {
    guard::value("llm_response_free", (), || {
        if !response.is_null() {
            // SAFETY: made by `Box::into_raw` and given up by the caller.
            drop(unsafe { Box::from_raw(response) });
        }
    });
}
