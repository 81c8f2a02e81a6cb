//! Every argument that can be wrong is, one at a time: the answer is a status, the process lives.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use llm::llm_status::*;
use llm::*;

const NTS: usize = usize::MAX;
const CONFIG: &CStr = c"{}";
const REQUEST: &CStr =
    c"{\"model\":\"mock/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"a b\"}]}";

/// A client and a queue that live as long as a test.
struct Handles {
    client: *mut llm_client,
    queue: *mut llm_queue,
}

impl Handles {
    fn new() -> Handles {
        let mut handles = Handles {
            client: null_mut(),
            queue: null_mut(),
        };
        // SAFETY: arguments as the header wants them.
        unsafe {
            let made = llm_client_new(CONFIG.as_ptr(), NTS, &mut handles.client, null_mut());
            assert_eq!(made, LLM_OK as i32);
            assert_eq!(llm_queue_new(0, &mut handles.queue), LLM_OK as i32);
        }
        handles
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        // SAFETY: live, and not used again.
        unsafe {
            llm_queue_free(self.queue);
            llm_client_free(self.client);
        }
    }
}

unsafe extern "C" fn go_on(_: *const llm_event, _: *mut c_void) -> c_int {
    0
}

/// A (pointer, length) pair and what is said of it.
const BAD_TEXTS: &[(Option<&[u8]>, usize, &str)] = &[
    (None, 0, "NULL"),
    (None, 5, "NULL"),
    (None, NTS, "NULL"),
    (Some(b"{}\0"), NTS - 1, "a length of"),
    (Some(b"{}\0"), isize::MAX as usize, "a length of"),
    (Some(b"{}\0"), isize::MAX as usize + 1, "a length of"),
    (Some(b"{}\0"), (1 << 30) + 1, "a length of"),
    (Some(b"{\"a\":\"\xff\"}\0"), NTS, "not UTF-8 at byte 6"),
    (Some(b"{\"a\":\"\xc3\"}\0"), 9, "not UTF-8 at byte 6"),
    (Some(b"\xed\xa0\x80\0"), 3, "not UTF-8 at byte 0"),
];

/// Runs `call` with every bad text and compares what the error says.
fn refuses_bad_texts(call: &dyn Fn(*const c_char, usize, *mut *mut llm_error) -> i32) {
    for (text, len, says) in BAD_TEXTS {
        let mut error = null_mut();
        let status = call(
            text.map_or(null(), |text| text.as_ptr().cast()),
            *len,
            &mut error,
        );
        let said = taken(error);
        assert_eq!(
            status, LLM_ERR_INVALID_ARGUMENT as i32,
            "{text:?} {len}: {said}"
        );
        assert!(said.contains(says), "{text:?} {len}: {said}");
    }
}

/// An error's message; the error is freed.
fn taken(error: *mut llm_error) -> String {
    assert!(!error.is_null());
    // SAFETY: an error that a call has just given.
    unsafe {
        let mut len = 0;
        let message = llm_error_message(error, &mut len);
        let message = CStr::from_ptr(message)
            .to_str()
            .expect("text out is UTF-8")
            .to_owned();
        assert_eq!(message.len(), len);
        assert_eq!(llm_error_http_status(error), 0);
        assert_eq!(llm_error_retry_after_ms(error), -1);
        let json = CStr::from_ptr(llm_error_json(error, null_mut())).to_bytes();
        assert!(json.starts_with(b"{") && json.ends_with(b"}"));
        llm_error_free(error);
        message
    }
}

#[test]
fn requests_and_configurations_are_checked_as_text_first() {
    let h = Handles::new();
    let (client, queue) = (h.client, h.queue);
    // SAFETY: live handles, places for answers, and texts that are refused or as long as they say.
    unsafe {
        refuses_bad_texts(&|text, len, err| {
            let mut number = 7;
            let status = llm_submit(
                client,
                queue,
                text,
                len,
                null(),
                null_mut(),
                &mut number,
                err,
            );
            assert_eq!(number, 0, "no request, no number");
            status
        });
        refuses_bad_texts(&|text, len, err| {
            llm_stream(client, text, len, null(), Some(go_on), null_mut(), err)
        });
        refuses_bad_texts(&|text, len, err| {
            let mut response = std::ptr::dangling_mut();
            let status = llm_complete(client, text, len, null(), &mut response, err);
            assert!(response.is_null(), "no answer, no handle");
            status
        });
    }
}

#[test]
fn configurations_are_checked_as_text_first() {
    for (text, len, says) in BAD_TEXTS.iter().filter(|(text, ..)| text.is_some()) {
        let (mut out, mut error) = (std::ptr::dangling_mut(), null_mut());
        let text = text.map_or(null(), |text| text.as_ptr().cast());
        // SAFETY: places for answers, and texts that are refused.
        let status = unsafe { llm_client_new(text, *len, &mut out, &mut error) };
        assert_eq!(status, LLM_ERR_INVALID_ARGUMENT as i32);
        assert!(out.is_null() && taken(error).contains(says));
    }
}

#[test]
fn null_handles_are_refused_or_ignored() {
    let bad = LLM_ERR_INVALID_ARGUMENT as i32;
    // SAFETY: NULL is what the header allows everywhere; all else is as it wants it.
    unsafe {
        let request = REQUEST.as_ptr();
        let mut error = null_mut();
        let submitted = llm_submit(
            null_mut(),
            null_mut(),
            request,
            NTS,
            null(),
            null_mut(),
            null_mut(),
            &mut error,
        );
        assert_eq!(submitted, bad);
        assert_eq!(taken(error), "client is NULL");
        assert_eq!(
            llm_client_new(CONFIG.as_ptr(), NTS, null_mut(), null_mut()),
            bad
        );
        assert_eq!(
            llm_client_reload(null_mut(), CONFIG.as_ptr(), NTS, null_mut()),
            bad
        );
        assert_eq!(llm_client_drain(null_mut(), 0), bad);
        assert_eq!(llm_queue_new(0, null_mut()), bad);
        assert_eq!(llm_queue_poll(null_mut(), null_mut(), 0, 0), bad);
        assert_eq!(llm_queue_fd(null_mut()), bad);
        assert_eq!(llm_queue_set_wake(null_mut(), None, null_mut()), bad);
        assert_eq!(llm_queue_wakeup(null_mut()), bad);
        assert_eq!(llm_queue_close(null_mut()), bad);
        assert_eq!(llm_invoke(null(), null(), None, null_mut()), bad);
        assert!(llm_client_metrics(null(), LLM_METRICS_JSON, null_mut()).is_null());
        assert!(llm_error_from_event(null()).is_null());
        assert_eq!(llm_error_status(null()), LLM_OK as i32);
        for empty in [
            llm_response_text(null(), null_mut()),
            llm_response_json(null(), null_mut()),
        ] {
            assert_eq!(CStr::from_ptr(empty), c"");
        }
        for empty in [
            llm_error_message(null(), null_mut()),
            llm_error_json(null(), null_mut()),
        ] {
            assert_eq!(CStr::from_ptr(empty), c"");
        }
        llm_client_free(null_mut());
        llm_queue_free(null_mut());
        llm_response_free(null_mut());
        llm_error_free(null_mut());
        llm_string_free(null_mut());
    }
}

#[test]
fn a_pointer_that_is_no_handle_of_ours_is_refused_by_its_alignment() {
    let odd = std::ptr::without_provenance_mut::<llm_client>(1);
    // SAFETY: refused unread.
    let status = unsafe { llm_client_drain(odd, 0) };
    assert_eq!(status, LLM_ERR_INVALID_ARGUMENT as i32);
}

#[test]
fn missing_callbacks_and_places_are_refused() {
    let h = Handles::new();
    let bad = LLM_ERR_INVALID_ARGUMENT as i32;
    let request = REQUEST.as_ptr();
    // SAFETY: live handles; NULL elsewhere.
    unsafe {
        assert_eq!(
            llm_stream(h.client, request, NTS, null(), None, null_mut(), null_mut()),
            bad
        );
        assert_eq!(
            llm_complete(h.client, request, NTS, null(), null_mut(), null_mut()),
            bad
        );
        assert_eq!(llm_queue_poll(h.queue, null_mut(), 1, 0), bad);
        assert_eq!(llm_queue_poll(h.queue, null_mut(), usize::MAX, 0), bad);
        assert_eq!(llm_queue_poll(h.queue, null_mut(), 0, -1), 0);
        assert!(llm_client_metrics(h.client, 7, null_mut()).is_null());
        assert_eq!(llm_log_set(6, None, null_mut()), bad);
        assert_eq!(llm_log_set(-1, None, null_mut()), bad);
        assert_eq!(llm_log_to_queue(99, h.queue), bad);
    }
}

#[test]
fn requests_that_never_were_are_not_found() {
    for number in [0, 1 << 53, u64::MAX] {
        assert_eq!(llm_cancel(number), LLM_ERR_NOT_FOUND as i32);
        assert_eq!(llm_pause(number, 1), LLM_ERR_NOT_FOUND as i32);
    }
}

#[test]
fn requests_in_words_of_http_are_checked() {
    let h = Handles::new();
    // SAFETY: live handles; structs zero-filled and given their size.
    unsafe {
        let mut http: llm_http_request = MaybeUninit::zeroed().assume_init();
        let ask = |http: *const llm_http_request| {
            llm_submit_http(
                h.client,
                h.queue,
                http,
                null(),
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        assert_eq!(ask(null()), LLM_ERR_INVALID_ARGUMENT as i32);
        assert_eq!(ask(&http), LLM_ERR_INVALID_ARGUMENT as i32, "no size");
        http.struct_size = size_of::<llm_http_request>() as u32;
        assert_eq!(ask(&http), LLM_ERR_INVALID_ARGUMENT as i32, "no method");
        http.method = c"POST".as_ptr();
        http.url = c"/v1/chat/completions".as_ptr();
        assert_eq!(ask(&http), LLM_OK as i32, "what is no request is answered");
        http.headers_json = c"{}".as_ptr();
        assert_eq!(
            ask(&http),
            LLM_ERR_INVALID_ARGUMENT as i32,
            "headers are pairs"
        );
        http.headers_json = null();
        http.body_len = 3;
        assert_eq!(
            ask(&http),
            LLM_ERR_INVALID_ARGUMENT as i32,
            "a length without a body"
        );
        let nobody = u64::MAX;
        assert_eq!(
            llm_answer(nobody, 0, c"{}".as_ptr(), NTS),
            LLM_ERR_NOT_FOUND as i32
        );
        assert_eq!(llm_answer(nobody, 0, null(), 0), LLM_ERR_NOT_FOUND as i32);
        assert_eq!(
            llm_answer(nobody, 0, null(), 2),
            LLM_ERR_INVALID_ARGUMENT as i32
        );
        assert_eq!(
            llm_answer(nobody, 5, null(), 0),
            LLM_ERR_INVALID_ARGUMENT as i32
        );
    }
}

#[test]
fn options_are_checked_with_their_names() {
    let h = Handles::new();
    // SAFETY: live handles; a struct zero-filled and given its size.
    unsafe {
        let mut options: llm_options = MaybeUninit::zeroed().assume_init();
        let said = |options: &llm_options| {
            let (mut error, mut number) = (null_mut(), 0);
            let request = REQUEST.as_ptr();
            let status = llm_submit(
                h.client,
                h.queue,
                request,
                NTS,
                options,
                null_mut(),
                &mut number,
                &mut error,
            );
            assert_eq!(status, LLM_ERR_INVALID_ARGUMENT as i32);
            taken(error)
        };
        assert!(said(&options).contains("options.struct_size: 0"));
        options.struct_size = size_of::<llm_options>() as u32;
        options.flags = 1 << 31;
        assert!(said(&options).contains("options.flags: 0x80000000"));
        options.flags = 0;
        options.provider = c"\xff".as_ptr();
        assert!(said(&options).contains("options.provider is not UTF-8"));
        options.provider = null();
        options.options_json = c"{\"timeout_ms\":".as_ptr();
        assert!(!said(&options).is_empty());
        options.options_json = c"[]".as_ptr();
        assert!(!said(&options).is_empty());
    }
}
