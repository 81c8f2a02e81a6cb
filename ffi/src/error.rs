//! Why a call failed, as an object that C owns.

use std::ffi::c_char;
use std::ptr;

use libllm::Error;
use libllm::proto::error::Retry;

use crate::event::{llm_event, llm_event_type};
use crate::guard;
use crate::status::{llm_status, llm_status_number};
use crate::text::Text;

/// Why a call failed. Immutable; may be read from any thread.
#[derive(Debug)]
pub struct llm_error {
    status: llm_status_number,
    http_status: i32,
    retry_after_ms: i64,
    message: Text,
    json: Text,
}

impl llm_error {
    pub(crate) fn of(error: &Error) -> llm_error {
        let pointless = matches!(error.retry(), Retry::Never | Retry::Elsewhere);
        let wait = error.retry_after().filter(|_| !pointless);
        llm_error {
            status: error.status() as i32,
            http_status: error.http_status().map_or(0, i32::from),
            retry_after_ms: wait.map_or(-1, |wait| wait.as_millis().min(i64::MAX as u128) as i64),
            message: Text::new(error.message()),
            json: Text::new(&libllm::error_json(error)),
        }
    }
}

/// What the error stands for; LLM_OK for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_error_status(error: *const llm_error) -> llm_status_number {
    let bug = llm_status::LLM_ERR_INTERNAL as i32;
    // SAFETY: NULL or a live error.
    let error = unsafe { error.as_ref() };
    guard::value("llm_error_status", bug, || {
        error.map_or(0, |error| error.status)
    })
}

/// One line for people. Never contains a key or a prompt. Borrowed from the error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_error_message(
    error: *const llm_error,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: NULL or a live error, and NULL or a place for a length.
    unsafe { lent("llm_error_message", error, len, |error| &error.message) }
}

/// Everything known, as JSON: status, kind, message, type, code, param, provider, target, http_status, request_id, retry_after_ms,
/// retryable, phase, attempts, partial, body (at most 64 KiB in all). Borrowed from the error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_error_json(error: *const llm_error, len: *mut usize) -> *const c_char {
    // SAFETY: NULL or a live error, and NULL or a place for a length.
    unsafe { lent("llm_error_json", error, len, |error| &error.json) }
}

/// 0 if there was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_error_http_status(error: *const llm_error) -> i32 {
    // SAFETY: NULL or a live error.
    unsafe { field("llm_error_http_status", error, 0, |error| error.http_status) }
}

/// -1 if retrying is pointless or unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_error_retry_after_ms(error: *const llm_error) -> i64 {
    // SAFETY: NULL or a live error.
    unsafe {
        field("llm_error_retry_after_ms", error, -1, |error| {
            error.retry_after_ms
        })
    }
}

/// Releases an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_error_free(error: *mut llm_error) {
    guard::value("llm_error_free", (), || {
        if !error.is_null() {
            // SAFETY: made by `Box::into_raw` and given up by the caller.
            drop(unsafe { Box::from_raw(error) });
        }
    });
}

/// An owned error out of an LLM_EVENT_ERROR; NULL for any other event.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn llm_error_from_event(event: *const llm_event) -> *mut llm_error {
    guard::value("llm_error_from_event", ptr::null_mut(), || {
        // SAFETY: NULL or an event as the library wrote it, whose data is still lent.
        let told = unsafe {
            guard::reference(event, "event").and_then(|event| {
                let json = guard::text(event.data, event.len, "event.data")?;
                Ok((event, json))
            })
        };
        match told {
            Ok((event, json)) if event.r#type == llm_event_type::LLM_EVENT_ERROR as i32 => {
                Box::into_raw(Box::new(llm_error::of(&libllm::error_from_json(json))))
            }
            _ => ptr::null_mut(),
        }
    })
}

/// Lends a text of an object and its length; an empty one for NULL.
///
/// # Safety
/// `object` is NULL or live; `len` is NULL or a place for a length.
pub(crate) unsafe fn lent<T>(
    export: &str,
    object: *const T,
    len: *mut usize,
    which: impl FnOnce(&T) -> &Text,
) -> *const c_char {
    // SAFETY: handed on.
    let read = |text: &T| {
        let text = which(text);
        (text.as_ptr(), text.len())
    };
    // SAFETY: handed on.
    let (data, size) = unsafe { field(export, object, (c"".as_ptr(), 0), read) };
    if !len.is_null() {
        // SAFETY: not NULL, so a place for a length.
        unsafe { len.write_unaligned(size) };
    }
    data
}

/// Reads something of an object; `absent` for NULL.
///
/// # Safety
/// `object` is NULL or live.
unsafe fn field<T, V: Copy>(
    export: &str,
    object: *const T,
    absent: V,
    which: impl FnOnce(&T) -> V,
) -> V {
    // SAFETY: handed on.
    let object = unsafe { object.as_ref() };
    guard::value(export, absent, || object.map_or(absent, which))
}
