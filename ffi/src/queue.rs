//! The completion queue as C drives it.

use std::ffi::{c_int, c_void};
use std::ptr;

use libllm::Queue;

use crate::event::llm_event;
use crate::guard::{self, Handle};
use crate::status::{llm_status, llm_status_number};

/// A completion queue: where the events of any number of requests meet one consumer.
#[derive(Debug)]
pub struct llm_queue(pub(crate) Queue);

impl Handle for llm_queue {
    const NAME: &'static str = "queue";

    fn is_foreign(&self) -> bool {
        self.0.is_foreign()
    }
}

/// Wake callback of llm_queue_set_wake(). Runs on a runtime thread; must not block.
pub type llm_wake_fn = Option<unsafe extern "C" fn(ctx: *mut c_void)>;

/// Make a queue. It may serve several clients. `max_bytes` bounds what waits in it (0: 64 MiB).
///
/// One request may hold at most its own share (config, 256 KiB); beyond that, and beyond `max_bytes`, the library stops reading that
/// request's stream (its socket, or its HTTP/2 stream window: other streams of the connection go on), so a slow consumer slows the
/// provider and memory stays bounded. A request with nothing waiting may always add one event, whatever its size; terminal events
/// (at most 64 KiB) are never held back. Reading resumes in turn, so that no request starves.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn llm_queue_new(
    max_bytes: usize,
    out: *mut *mut llm_queue,
) -> llm_status_number {
    guard::outcome("llm_queue_new", || {
        // SAFETY: the header's rule for out-parameters.
        let out = unsafe { guard::place(out, ptr::null_mut(), "out") }?;
        *out = Box::into_raw(Box::new(llm_queue(Queue::new(max_bytes)?)));
        Ok(())
    })
}

/// Take up to `max` events; returns how many. `timeout_ms`: 0 does not wait, negative waits for ever.
///
/// One consumer until it has finished with the batch (overlapping calls get LLM_ERR_BUSY). `data` pointers stay valid until the next
/// llm_queue_poll() or llm_queue_free() on this queue; there is nothing to release. Returns 0 early if a signal handler ran, and
/// LLM_ERR_CLOSED once the queue is closed and empty.
///
/// A text, reasoning or arguments delta that arrives while the last waiting event of its request is of the same type, choice, attempt
/// and index is joined to it (not with LLM_OPT_NO_COALESCE): a busy consumer gets fewer, larger events, an idle one each delta at once.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn llm_queue_poll(
    queue: *mut llm_queue,
    events: *mut llm_event,
    max: usize,
    timeout_ms: i32,
) -> i32 {
    guard::count("llm_queue_poll", || {
        // SAFETY: the header's rule for handles.
        let queue = unsafe { guard::handle(queue) }?;
        if max > 0 && (events.is_null() || !events.is_aligned()) {
            return Err(guard::invalid("events is NULL or not aligned"));
        }
        let mut next = events;
        let taken = queue
            .0
            .poll(max.min(COUNT_MAX), guard::wait(timeout_ms), &mut |event| {
                // SAFETY: the caller's array has room for `max` events, and no more than that are delivered.
                unsafe {
                    next.write(llm_event::lend(event));
                    next = next.add(1);
                }
            })?;
        Ok(taken as i32)
    })
}

/// A descriptor that is readable while the queue has events: for epoll, kqueue, poll, libuv, asyncio, Go's netpoller.
///
/// Owned by the queue, close-on-exec, non-blocking: do not read, write or close it, and take it out of your poller before
/// llm_queue_free(). Readiness may be spurious; closing the queue makes it readable. Level- and edge-triggered use both work if you
/// poll until fewer than `max` events come back. Windows: LLM_ERR_UNSUPPORTED; use llm_queue_set_wake().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn llm_queue_fd(queue: *mut llm_queue) -> i32 {
    guard::count("llm_queue_fd", || {
        // SAFETY: the header's rule for handles.
        let queue = unsafe { guard::handle(queue) }?;
        Ok(queue.0.fd())
    })
}

/// Call `wake` from a runtime thread each time the queue goes from empty to non-empty (for uv_async_send() and the like).
///
/// At once if events wait already, then once per transition, not per event; armed again when llm_queue_poll() returns fewer than
/// `max`. No lock is held: llm_submit() and llm_cancel() are allowed inside; llm_queue_poll(), _set_wake(), _close() and _free() are
/// not. Pass NULL to remove it; on return the old callback is not running and will not run again (so do not hold a lock that it takes).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_queue_set_wake(
    queue: *mut llm_queue,
    wake: llm_wake_fn,
    ctx: *mut c_void,
) -> llm_status_number {
    guard::outcome("llm_queue_set_wake", || {
        // SAFETY: the header's rule for handles.
        let queue = unsafe { guard::handle(queue) }?;
        let ctx = ctx.expose_provenance();
        queue
            .0
            .set_wake(wake.map(|wake| -> Box<dyn Fn() + Send + Sync> {
                // SAFETY: the caller's function, with the context it gave, until it is replaced.
                Box::new(move || unsafe { wake(ptr::with_exposed_provenance_mut(ctx)) })
            }))
    })
}

/// Make the present (or else the next) llm_queue_poll() return early with what it has. Async-signal-safe on Unix.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_queue_wakeup(queue: *mut llm_queue) -> llm_status_number {
    // Nothing here allocates or locks: a signal handler may have interrupted the allocator. Nor may it change errno.
    let _errno = Errno::kept();
    guard::value("llm_queue_wakeup", llm_status::LLM_ERR_INTERNAL, || {
        // SAFETY: the header's rule for handles.
        let Some(queue) = (unsafe { queue.as_ref() }) else {
            return llm_status::LLM_ERR_INVALID_ARGUMENT;
        };
        if queue.is_foreign() {
            return llm_status::LLM_ERR_FORKED;
        }
        queue.0.wakeup();
        llm_status::LLM_OK
    }) as i32
}

/// Refuse new submissions, cancel this queue's requests, wake its consumer, who still gets every terminal event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_queue_close(queue: *mut llm_queue) -> llm_status_number {
    guard::outcome("llm_queue_close", || {
        // SAFETY: the header's rule for handles.
        let queue = unsafe { guard::handle(queue) }?;
        queue.0.close()
    })
}

/// Release a queue. Without llm_queue_close() and polling until LLM_ERR_CLOSED, its events are discarded: the one case without terminal
/// events. On return the library holds no user_data of its requests. Waits for nothing but a wake callback running on another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_queue_free(queue: *mut llm_queue) {
    guard::value("llm_queue_free", (), || {
        // SAFETY: the header's rule for handles; this is the last call on it.
        if let Some(queue) = unsafe { guard::taken(queue) } {
            queue.0.release();
        }
    });
}

/// The interrupted code's errno, put back at the end.
struct Errno(c_int);

impl Errno {
    fn kept() -> Errno {
        // SAFETY: the thread's own errno, always there.
        Errno(unsafe { *errno() })
    }
}

impl Drop for Errno {
    fn drop(&mut self) {
        // SAFETY: the thread's own errno, always there.
        unsafe { *errno() = self.0 }
    }
}

#[cfg(any(target_os = "linux", target_os = "dragonfly"))]
use libc::__errno_location as errno;
#[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
use libc::__error as errno;

// The largest batch whose size fits the answer.
const COUNT_MAX: usize = i32::MAX as usize;
