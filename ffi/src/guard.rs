//! The first lines of every export: pointers become references, lengths are checked, a panic becomes a status, and a handle
//! that was made before a fork is refused.

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::time::Duration;

use libllm::{Error, ErrorKind};

use crate::error::llm_error;
use crate::status::{self, llm_status_number};

/// Length argument for a NUL-terminated string.
pub(crate) const LLM_NTS: usize = usize::MAX;

// No text that a caller means is longer, while a negative number that was cast to a length is.
const TEXT_MAX: usize = 1 << 30;

/// Runs an export that answers with a status alone.
pub(crate) fn outcome(export: &str, body: impl FnOnce() -> Result<(), Error>) -> llm_status_number {
    status::number(caught(export, body))
}

/// Runs an export that answers with a status and explains a failure in `err`.
///
/// # Safety
/// `err` is NULL or a place for a pointer.
pub(crate) unsafe fn explained(
    export: &str,
    err: *mut *mut llm_error,
    body: impl FnOnce() -> Result<(), Error>,
) -> llm_status_number {
    let outcome = caught(export, body);
    if !err.is_null() {
        let explain = |error| Box::into_raw(Box::new(llm_error::of(error)));
        let explain = AssertUnwindSafe(|| outcome.as_ref().err().map_or(ptr::null_mut(), explain));
        // An error that cannot even be told is told by its status alone.
        let told = catch_unwind(explain).unwrap_or(ptr::null_mut());
        // SAFETY: not NULL, so by the contract a place for a pointer.
        unsafe { err.write_unaligned(told) };
    }
    status::number(outcome)
}

/// Runs an export that answers with a count, a descriptor or a negative status.
pub(crate) fn count(export: &str, body: impl FnOnce() -> Result<i32, Error>) -> i32 {
    caught(export, body).unwrap_or_else(|error| error.status() as i32)
}

/// Runs an export that cannot fail; `fallback` is its answer should it panic.
pub(crate) fn value<T>(export: &str, fallback: T, body: impl FnOnce() -> T) -> T {
    caught(export, || Ok(body())).unwrap_or(fallback)
}

fn caught<T>(export: &str, body: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    crate::fork::watch();
    let body = AssertUnwindSafe(|| {
        #[cfg(feature = "fault-injection")]
        libllm::fault::point(export);
        body()
    });
    // What a panic says may quote a prompt: it goes no further than the panic hook.
    let bug = |_| {
        Err(Error::new(
            ErrorKind::Internal,
            format!("{export} panicked: a bug"),
        ))
    };
    catch_unwind(body).unwrap_or_else(bug)
}

/// A handle that belongs to the process that made it.
pub(crate) trait Handle {
    /// What it is called in an error.
    const NAME: &'static str;

    /// Whether it was made before a fork.
    fn is_foreign(&self) -> bool;
}

/// The handle behind a pointer, if it is of this process.
///
/// # Safety
/// `pointer` is NULL or a live handle of this type.
pub(crate) unsafe fn handle<'a, T: Handle>(pointer: *const T) -> Result<&'a T, Error> {
    // SAFETY: the caller's promise, handed on.
    let handle = unsafe { reference(pointer, T::NAME) }?;
    match handle.is_foreign() {
        false => Ok(handle),
        true => {
            let message = format!(
                "this {} was made before fork(), in another process",
                T::NAME
            );
            Err(Error::new(ErrorKind::Forked, message))
        }
    }
}

/// Takes a handle back from C; `None` for NULL and for one of another process, which stays as it is: its threads do not exist here.
///
/// # Safety
/// `pointer` is NULL or a live handle of this type, and is not used again.
pub(crate) unsafe fn taken<T: Handle>(pointer: *mut T) -> Option<Box<T>> {
    // SAFETY: the caller's promise, handed on.
    let handle = unsafe { pointer.as_ref() }?;
    // SAFETY: live and given up by the caller; every handle is made by `Box::into_raw`.
    (!handle.is_foreign()).then(|| unsafe { Box::from_raw(pointer) })
}

/// What a pointer points at.
///
/// # Safety
/// `pointer` is NULL or points at a live `T`, which the library made unless C may lay it out itself.
pub(crate) unsafe fn reference<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Error> {
    if !pointer.is_aligned() {
        return Err(invalid(format!(
            "{name} is not aligned: no such handle or struct"
        )));
    }
    // SAFETY: aligned, and by the contract live unless NULL.
    unsafe { pointer.as_ref() }.ok_or_else(|| invalid(format!("{name} is NULL")))
}

/// A place for an answer, set to `empty` until there is one.
///
/// # Safety
/// `place` is NULL or a place for a `T`.
pub(crate) unsafe fn place<'a, T>(place: *mut T, empty: T, name: &str) -> Result<&'a mut T, Error> {
    if place.is_null() || !place.is_aligned() {
        return Err(invalid(format!(
            "{name} is {}",
            if place.is_null() {
                "NULL"
            } else {
                "not aligned"
            }
        )));
    }
    // SAFETY: aligned and not NULL, so by the contract writable; written before it is referred to.
    unsafe {
        place.write(empty);
        Ok(&mut *place)
    }
}

/// The text of a (pointer, length) pair.
///
/// # Safety
/// `data` is NULL or points at `len` bytes, or at a NUL-terminated string if `len` is [`LLM_NTS`]; both outlive `'a`.
pub(crate) unsafe fn text<'a>(
    data: *const c_char,
    len: usize,
    name: &str,
) -> Result<&'a str, Error> {
    // SAFETY: the caller's promise, handed on.
    let bytes = unsafe { bytes(data, len, name) }?;
    std::str::from_utf8(bytes).map_err(|error| {
        invalid(format!(
            "{name} is not UTF-8 at byte {}",
            error.valid_up_to()
        ))
    })
}

/// The bytes of a (pointer, length) pair.
///
/// # Safety
/// As [`text`].
pub(crate) unsafe fn bytes<'a>(
    data: *const c_char,
    len: usize,
    name: &str,
) -> Result<&'a [u8], Error> {
    if data.is_null() {
        return Err(invalid(format!("{name} is NULL")));
    }
    if len == LLM_NTS {
        // SAFETY: not NULL, and NUL-terminated by the contract.
        return Ok(unsafe { CStr::from_ptr(data) }.to_bytes());
    }
    if len > TEXT_MAX {
        return Err(invalid(format!(
            "{name}: a length of {len} bytes is above {TEXT_MAX}"
        )));
    }
    // SAFETY: not NULL, and by the contract `len` readable bytes, which is below `isize::MAX`.
    Ok(unsafe { std::slice::from_raw_parts(data.cast(), len) })
}

/// A NUL-terminated text that may be NULL.
///
/// # Safety
/// `data` is NULL or NUL-terminated; it outlives `'a`.
pub(crate) unsafe fn optional<'a>(
    data: *const c_char,
    name: &str,
) -> Result<Option<&'a str>, Error> {
    if data.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise, handed on.
    unsafe { text(data, LLM_NTS, name) }.map(Some)
}

/// The status of what a caller got wrong.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// A wait as C says it: negative is for ever.
pub(crate) fn wait(timeout_ms: i32) -> Option<Duration> {
    u64::try_from(timeout_ms).ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(bytes: &[u8], len: usize) -> Result<String, String> {
        // SAFETY: every case is NUL-terminated and no shorter than its length, unless that is refused unread.
        let text = unsafe { text(bytes.as_ptr().cast(), len, "t") };
        text.map(str::to_owned)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn lengths_and_encodings_are_checked_before_anything_is_read() {
        assert_eq!(text_of(b"hello\0", 5), Ok("hello".into()));
        assert_eq!(text_of(b"hello\0", LLM_NTS), Ok("hello".into()));
        assert_eq!(text_of(b"\0", 0), Ok("".into()));
        assert_eq!(
            text_of(b"a\xffb\0", 3),
            Err("t is not UTF-8 at byte 1".into())
        );
        assert_eq!(
            text_of(b"a\xffb\0", LLM_NTS),
            Err("t is not UTF-8 at byte 1".into())
        );
        for len in [
            TEXT_MAX + 1,
            isize::MAX as usize,
            isize::MAX as usize + 1,
            LLM_NTS - 1,
        ] {
            assert!(text_of(b"x\0", len).is_err_and(|why| why.contains("a length of")));
        }
    }

    #[test]
    fn a_panic_is_a_status_and_quotes_nothing() {
        let mut err = ptr::null_mut();
        let prompt = "the prompt";
        // SAFETY: `err` is a place for a pointer.
        let status = unsafe { explained("llm_x", &mut err, || panic!("bad {prompt}")) };
        assert_eq!(status, crate::llm_status::LLM_ERR_INTERNAL as i32);
        // SAFETY: a failure explains itself.
        let error = unsafe { Box::from_raw(err) };
        assert!(!format!("{error:?}").contains("the prompt"));
        assert_eq!(value("llm_x", 7, || panic!("bad")), 7);
        assert_eq!(count("llm_x", || panic!("bad")), -1);
    }

    #[test]
    fn negative_waits_are_for_ever() {
        assert_eq!(wait(0), Some(Duration::ZERO));
        assert_eq!(wait(1500), Some(Duration::from_millis(1500)));
        assert_eq!(wait(-1), None);
        assert_eq!(wait(i32::MIN), None);
    }
}
