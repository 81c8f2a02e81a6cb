//! The library's log, to a callback or to a queue.

use std::ffi::{CString, c_char, c_void};
use std::ptr;
use std::sync::Arc;

use libllm::Error;

use crate::guard;
use crate::queue::llm_queue;
use crate::status::llm_status_number;
use crate::text::Text;

/// Nothing.
pub const LLM_LOG_OFF: i32 = 0;
/// What failed for good.
pub const LLM_LOG_ERROR: i32 = 1;
/// What went wrong and was survived.
pub const LLM_LOG_WARN: i32 = 2;
/// One line a request.
pub const LLM_LOG_INFO: i32 = 3;
/// Attempts, connections, decisions.
pub const LLM_LOG_DEBUG: i32 = 4;
/// Everything.
pub const LLM_LOG_TRACE: i32 = 5;

/// Log callback. Runs on any thread; must not block.
pub type llm_log_fn = Option<
    unsafe extern "C" fn(
        level: i32,
        target: *const c_char,
        message: *const c_char,
        message_len: usize,
        ctx: *mut c_void,
    ),
>;

/// Send the library's log to `log` up to `level`, process-wide. On return the previous callback is over for good. Not from
/// inside the log callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_log_set(
    level: i32,
    log: llm_log_fn,
    ctx: *mut c_void,
) -> llm_status_number {
    guard::outcome("llm_log_set", || {
        check(level)?;
        let ctx = ctx.expose_provenance();
        let sink = log.map(|log| -> Sink {
            Arc::new(move |level, target, message| {
                let (target, text) = (CString::new(target).unwrap_or_default(), Text::new(message));
                let ctx = ptr::with_exposed_provenance_mut(ctx);
                // SAFETY: the caller's function, with the context it gave, until it is replaced.
                unsafe { log(level, target.as_ptr(), text.as_ptr(), text.len(), ctx) }
            })
        });
        libllm::log::set(level, sink)
    })
}

/// The same, as LLM_EVENT_LOG events in `queue`, for hosts that take no callbacks. Dropped, and counted, when full.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_log_to_queue(level: i32, queue: *mut llm_queue) -> llm_status_number {
    guard::outcome("llm_log_to_queue", || {
        check(level)?;
        if queue.is_null() {
            return libllm::log::to_queue(level, None);
        }
        // SAFETY: the header's rule for handles.
        let queue = unsafe { guard::handle(queue) }?;
        libllm::log::to_queue(level, Some(&queue.0))
    })
}

type Sink = Arc<dyn Fn(i32, &str, &str) + Send + Sync>;

fn check(level: i32) -> Result<(), Error> {
    match (LLM_LOG_OFF..=LLM_LOG_TRACE).contains(&level) {
        true => Ok(()),
        false => Err(guard::invalid(format!("{level} is no log level"))),
    }
}
