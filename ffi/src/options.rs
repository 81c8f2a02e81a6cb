//! Structs that C lays out: each starts with its size, so that callers built against an older or a newer header are understood.

use std::ffi::c_char;
use std::mem::{MaybeUninit, offset_of};

use libllm::config::Limit;
use libllm::{Error, HttpRequest, Options};

use crate::guard::{self, invalid};

/// Add LLM_EVENT_RAW events.
pub const LLM_OPT_RAW: u32 = 1;
/// One event per delta even when the consumer lags.
pub const LLM_OPT_NO_COALESCE: u32 = 2;
/// Neither read nor fill the cache.
pub const LLM_OPT_NO_CACHE: u32 = 4;
/// Keep the whole text and give it in LLM_EVENT_DONE's message.
pub const LLM_OPT_MESSAGE: u32 = 8;

/// Per-request options. Zero-fill it, then set struct_size: fields are only ever appended. NULL means all defaults.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct llm_options {
    /// sizeof(llm_options)
    pub struct_size: u32,
    /// LLM_OPT_*
    pub flags: u32,
    /// NUL-terminated; NULL lets the client's routes choose.
    pub provider: *const c_char,
    /// Whole request, retries included. 0: client's default; negative: none.
    pub timeout_ms: i64,
    /// Until the first delta; on expiry the next candidate is tried. 0: default.
    pub first_token_timeout_ms: i64,
    /// NUL-terminated; NULL is "chat". "warm" sends nothing and has a connection stand for the
    /// request that follows it; "explain" sends nothing and says who would be asked. Others: "completion", "responses", "embeddings", "rerank" ...
    pub operation: *const c_char,
    /// NUL-terminated JSON object or NULL, for everything cold: max_attempts, fallbacks, strategy, tags, session,
    /// idle_timeout_ms, api_key + base_url, headers, idempotency_key, extra_body ...
    pub options_json: *const c_char,
}

/// A request in HTTP's words. Zero-fill it, then set struct_size.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct llm_http_request {
    /// sizeof(llm_http_request)
    pub struct_size: u32,
    /// 0 for now.
    pub reserved: u32,
    /// NUL-terminated.
    pub method: *const c_char,
    /// NUL-terminated; path, or whole URL (its host then names the dialect and provider).
    pub url: *const c_char,
    /// NUL-terminated JSON array of [name, value] pairs, or NULL.
    pub headers_json: *const c_char,
    /// NULL only if there is none.
    pub body: *const c_char,
    /// Bytes of `body`, or LLM_NTS.
    pub body_len: usize,
}

/// The options of one request.
///
/// # Safety
/// `pointer` is NULL or points at as many bytes as its first field says, laid out as [`llm_options`].
pub(crate) unsafe fn options(pointer: *const llm_options) -> Result<Options, Error> {
    let mut options = Options::default();
    // SAFETY: handed on; `llm_options` is made of integers and pointers.
    let Some(given) = (unsafe { sized(pointer, &OPTIONS_ENDS, "options") })? else {
        return Ok(options);
    };
    if given.flags & !FLAGS != 0 {
        let unknown = given.flags & !FLAGS;
        return Err(invalid(format!(
            "options.flags: {unknown:#x} is unknown to this version"
        )));
    }
    // SAFETY: NUL-terminated or NULL by the contract.
    let (provider, operation, json) = unsafe {
        (
            guard::optional(given.provider, "options.provider")?,
            guard::optional(given.operation, "options.operation")?,
            guard::optional(given.options_json, "options.options_json")?,
        )
    };
    options.provider = provider.map(str::to_owned);
    options.operation = operation.map(str::to_owned);
    options.timeout = Limit::from_ms(given.timeout_ms);
    options.first_token_timeout = Limit::from_ms(given.first_token_timeout_ms);
    options.raw = given.flags & LLM_OPT_RAW != 0;
    options.no_coalesce = given.flags & LLM_OPT_NO_COALESCE != 0;
    options.no_cache = given.flags & LLM_OPT_NO_CACHE != 0;
    options.message = given.flags & LLM_OPT_MESSAGE != 0;
    json.map_or(Ok(()), |json| options.merge_json(json))?;
    Ok(options)
}

/// A request in HTTP's words.
///
/// # Safety
/// As [`options`], with [`llm_http_request`].
pub(crate) unsafe fn http(pointer: *const llm_http_request) -> Result<HttpRequest, Error> {
    // SAFETY: handed on; `llm_http_request` is made of integers and pointers.
    let given = unsafe { sized(pointer, &HTTP_ENDS, "http") }?;
    let given = given.ok_or_else(|| invalid("http is NULL"))?;
    if given.reserved != 0 {
        return Err(invalid("http.reserved is not 0"));
    }
    // SAFETY: NUL-terminated, NULL or of the length said, by the contract.
    let (method, url, headers, body) = unsafe {
        let body = match given.body.is_null() && given.body_len == 0 {
            true => &[],
            false => guard::bytes(given.body, given.body_len, "http.body")?,
        };
        (
            guard::text(given.method, guard::LLM_NTS, "http.method")?,
            guard::text(given.url, guard::LLM_NTS, "http.url")?,
            guard::optional(given.headers_json, "http.headers_json")?,
            body,
        )
    };
    let headers = headers.map(HttpRequest::headers_from_json).transpose();
    Ok(HttpRequest {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: headers
            .map_err(|error| error.context("http"))?
            .unwrap_or_default(),
        body: body.to_vec().into(),
    })
}

const FLAGS: u32 = LLM_OPT_RAW | LLM_OPT_NO_COALESCE | LLM_OPT_NO_CACHE | LLM_OPT_MESSAGE;

// Where each field but the first ends: sizes that a header of some version can have had.
const OPTIONS_ENDS: [usize; 7] = [
    offset_of!(llm_options, provider),
    offset_of!(llm_options, timeout_ms),
    offset_of!(llm_options, first_token_timeout_ms),
    offset_of!(llm_options, operation),
    offset_of!(llm_options, options_json),
    offset_of!(llm_options, options_json) + size_of::<*const c_char>(),
    size_of::<llm_options>(),
];
const HTTP_ENDS: [usize; 1] = [size_of::<llm_http_request>()];

// A struct that claims to be larger was not zero-filled.
const SIZE_MAX: usize = 4096;

/// A struct of this or another version of the header: fields it lacks are zero, fields unknown here must be.
///
/// # Safety
/// `pointer` is NULL or points at as many bytes as the `u32` there says; `T` may be all zeros.
unsafe fn sized<T: Copy>(
    pointer: *const T,
    ends: &[usize],
    name: &str,
) -> Result<Option<T>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: aligned or refused, and the size comes first in every such struct.
    let size = *unsafe { guard::reference(pointer.cast::<u32>(), name) }? as usize;
    let known = size_of::<T>();
    if !ends.contains(&size) && !(known..=SIZE_MAX).contains(&size) {
        return Err(invalid(format!(
            "{name}.struct_size: {size} is the size of no version"
        )));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `size` bytes are readable by the contract; `value` takes no more than it has.
    let tail = unsafe {
        let bytes = pointer.cast::<u8>();
        bytes.copy_to_nonoverlapping(value.as_mut_ptr().cast(), size.min(known));
        std::slice::from_raw_parts(bytes.wrapping_add(known), size.saturating_sub(known))
    };
    if tail.iter().any(|byte| *byte != 0) {
        return Err(invalid(format!(
            "{name} sets a field that this version does not know"
        )));
    }
    // SAFETY: all zeros is a `T`, and what was copied over it was one.
    Ok(Some(unsafe { value.assume_init() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A caller's memory: `llm_options` and what a later version might add.
    #[repr(C)]
    struct Later {
        options: llm_options,
        more: [u64; 4],
    }

    fn later(size: usize) -> Later {
        // SAFETY: integers and pointers may be zero.
        let mut later: Later = unsafe { MaybeUninit::zeroed().assume_init() };
        later.options.struct_size = size as u32;
        later
    }

    fn read(later: &Later) -> Result<Options, Error> {
        // SAFETY: no case claims more than `Later` has, unless it is refused unread.
        unsafe { options(&raw const later.options) }
    }

    #[test]
    fn sizes_of_other_versions_are_read_and_absurd_ones_refused() {
        let known = size_of::<llm_options>();
        for size in [8, 16, 24, 32, 40, 48, known, known + 8, known + 32] {
            assert!(read(&later(size)).is_ok(), "{size}");
        }
        for size in [0, 1, 4, 7, 9, 15, 17, 47, SIZE_MAX + 1, u32::MAX as usize] {
            assert!(read(&later(size)).is_err(), "{size}");
        }
    }

    #[test]
    fn unknown_fields_must_be_zero() {
        let mut beyond = later(size_of::<Later>());
        beyond.more[3] = 1;
        assert!(read(&beyond).is_err());
        beyond.options.struct_size -= 8;
        assert!(
            read(&beyond).is_ok(),
            "what lies beyond the size is not looked at"
        );
    }

    #[test]
    fn fields_beyond_an_older_size_are_not_read() {
        let mut old = later(8);
        old.options.provider = std::ptr::without_provenance(1);
        old.options.timeout_ms = -1;
        let options = read(&old).expect("8 bytes are a version");
        assert!(options.provider.is_none() && options.timeout.is_none());
    }

    #[test]
    fn flags_are_read_and_unknown_ones_refused() {
        let mut given = later(size_of::<llm_options>());
        given.options.flags = LLM_OPT_RAW | LLM_OPT_MESSAGE;
        given.options.timeout_ms = -1;
        let options = read(&given).expect("known flags");
        assert!(options.raw && options.message && !options.no_coalesce && !options.no_cache);
        assert_eq!(options.timeout, Some(Limit::Never));
        assert_eq!(options.first_token_timeout, None);
        given.options.flags = 16;
        assert!(read(&given).is_err());
    }
}
