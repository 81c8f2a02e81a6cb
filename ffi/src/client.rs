//! Clients: made from a configuration, shared by any number of threads.

use std::ffi::{CString, c_char};
use std::ptr;

use libllm::{Client, Drain, Error, MetricsFormat};

use crate::error::llm_error;
use crate::guard::{self, Handle, LLM_NTS};
use crate::status::llm_status_number;

/// Counters and histograms as JSON.
pub const LLM_METRICS_JSON: i32 = 0;
/// Counters and histograms in Prometheus' text format.
pub const LLM_METRICS_PROMETHEUS: i32 = 1;

/// Providers, keys, routes, limits, connection pools. Reference-counted inside; make one and share it.
#[derive(Debug)]
pub struct llm_client(pub(crate) Client);

impl Handle for llm_client {
    const NAME: &'static str = "client";

    fn is_foreign(&self) -> bool {
        self.0.is_foreign()
    }
}

/// Make a client from a configuration: JSON if the text begins with '{', else TOML; NULL or "{}" reads the environment, here and in
/// llm_client_reload() only; "@PATH" reads a file. Starts no connection. `*out` is owned. `[runtime]` and the process limits belong
/// to the process: the first client sets them, and one that asks for others gets LLM_ERR_CONFIG.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn llm_client_new(
    config: *const c_char,
    len: usize,
    out: *mut *mut llm_client,
    err: *mut *mut llm_error,
) -> llm_status_number {
    let body = || {
        // SAFETY: the header's rules for out-parameters and (pointer, length) pairs.
        let (out, config) = unsafe {
            (
                guard::place(out, ptr::null_mut(), "out")?,
                configuration(config, len)?,
            )
        };
        *out = Box::into_raw(Box::new(llm_client(Client::new(config)?)));
        Ok(())
    };
    // SAFETY: the header's rule for `err`.
    unsafe { guard::explained("llm_client_new", err, body) }
}

/// Replace keys, routes and limits at once; requests in flight keep the configuration they began with.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn llm_client_reload(
    client: *mut llm_client,
    config: *const c_char,
    len: usize,
    err: *mut *mut llm_error,
) -> llm_status_number {
    let body = || {
        // SAFETY: the header's rules for handles and (pointer, length) pairs.
        let (client, config) = unsafe { (guard::handle(client)?, configuration(config, len)?) };
        client.0.reload(config)
    };
    // SAFETY: the header's rule for `err`.
    unsafe { guard::explained("llm_client_reload", err, body) }
}

/// Refuse new requests and wait for those in flight; after `timeout_ms` (negative: for ever) cancel the rest. 0: stop accepting and
/// return LLM_ERR_BUSY while any is in flight, for callers who are themselves the consumer of their events.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_client_drain(
    client: *mut llm_client,
    timeout_ms: i32,
) -> llm_status_number {
    guard::outcome("llm_client_drain", || {
        // SAFETY: the header's rule for handles.
        let client = unsafe { guard::handle(client) }?;
        client.0.drain(match guard::wait(timeout_ms) {
            None => Drain::Forever,
            Some(wait) if wait.is_zero() => Drain::Stop,
            Some(wait) => Drain::Within(wait),
        })
    })
}

/// Drop the handle. Never blocks: requests in flight are cancelled, and their terminal events still reach the queues.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_client_free(client: *mut llm_client) {
    guard::value("llm_client_free", (), || {
        // SAFETY: the header's rule for handles; this is the last call on it.
        if let Some(client) = unsafe { guard::taken(client) } {
            client.0.close();
        }
    });
}

/// Snapshot of counters and histograms as text; owned, release with llm_string_free(). NULL if memory is out or after fork().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn llm_client_metrics(
    client: *const llm_client,
    format: i32,
    len: *mut usize,
) -> *mut c_char {
    let text = guard::value("llm_client_metrics", None, || {
        // SAFETY: the header's rule for handles.
        let client = unsafe { guard::handle(client) }.ok()?;
        let text = client.0.metrics(metrics_format(format)?).ok()?;
        CString::new(text).ok()
    });
    if !len.is_null() {
        // SAFETY: not NULL, so a place for a length.
        unsafe { len.write_unaligned(text.as_ref().map_or(0, |text| text.count_bytes())) };
    }
    text.map_or(ptr::null_mut(), CString::into_raw)
}

/// Release what llm_client_metrics() gave.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_string_free(string: *mut c_char) {
    guard::value("llm_string_free", (), || {
        if !string.is_null() {
            // SAFETY: made by `CString::into_raw` and given up by the caller.
            drop(unsafe { CString::from_raw(string) });
        }
    });
}

fn metrics_format(format: i32) -> Option<MetricsFormat> {
    match format {
        LLM_METRICS_JSON => Some(MetricsFormat::Json),
        LLM_METRICS_PROMETHEUS => Some(MetricsFormat::Prometheus),
        _ => None,
    }
}

/// A configuration's text; NULL stands for the environment.
///
/// # Safety
/// As [`guard::text`].
unsafe fn configuration<'a>(config: *const c_char, len: usize) -> Result<&'a str, Error> {
    match config.is_null() {
        true if len == 0 || len == LLM_NTS => Ok("{}"),
        // SAFETY: handed on.
        _ => unsafe { guard::text(config, len, "config") },
    }
}
