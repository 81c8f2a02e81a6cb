//! What compiled callers rely on: sizes, offsets, numbers and names.

use std::collections::BTreeSet;
use std::mem::{align_of, offset_of, size_of};

use libllm::EventType;
use llm::*;

#[test]
#[cfg(target_pointer_width = "64")]
fn an_event_is_64_bytes_in_this_order() {
    assert_eq!((size_of::<llm_event>(), align_of::<llm_event>()), (64, 8));
    let offsets = [
        offset_of!(llm_event, request),
        offset_of!(llm_event, user_data),
        offset_of!(llm_event, data),
        offset_of!(llm_event, len),
        offset_of!(llm_event, r#type),
        offset_of!(llm_event, status),
        offset_of!(llm_event, choice),
        offset_of!(llm_event, attempt),
        offset_of!(llm_event, at_us),
        offset_of!(llm_event, index),
        offset_of!(llm_event, flags),
    ];
    assert_eq!(offsets, [0, 8, 16, 24, 32, 36, 40, 44, 48, 56, 60]);
}

#[test]
#[cfg(target_pointer_width = "64")]
fn structs_with_a_size_keep_what_they_had() {
    let options = [
        offset_of!(llm_options, struct_size),
        offset_of!(llm_options, flags),
        offset_of!(llm_options, provider),
        offset_of!(llm_options, timeout_ms),
        offset_of!(llm_options, first_token_timeout_ms),
        offset_of!(llm_options, operation),
        offset_of!(llm_options, options_json),
        size_of::<llm_options>(),
    ];
    assert_eq!(options, [0, 4, 8, 16, 24, 32, 40, 48]);
    let http = [
        offset_of!(llm_http_request, struct_size),
        offset_of!(llm_http_request, reserved),
        offset_of!(llm_http_request, method),
        offset_of!(llm_http_request, url),
        offset_of!(llm_http_request, headers_json),
        offset_of!(llm_http_request, body),
        offset_of!(llm_http_request, body_len),
        size_of::<llm_http_request>(),
    ];
    assert_eq!(http, [0, 4, 8, 16, 24, 32, 40, 48]);
}

#[test]
fn enums_are_32_bits_wide() {
    assert_eq!(
        (size_of::<llm_status>(), size_of::<llm_event_type>()),
        (4, 4)
    );
}

#[test]
fn event_numbers_are_those_of_the_library() {
    use llm_event_type::*;
    let pairs = [
        (LLM_EVENT_TEXT, EventType::Text, 1),
        (LLM_EVENT_REASONING, EventType::Reasoning, 2),
        (LLM_EVENT_TOOL_CALL, EventType::ToolCall, 3),
        (LLM_EVENT_TOOL_ARGS, EventType::ToolArgs, 4),
        (LLM_EVENT_ROUTE, EventType::Route, 5),
        (LLM_EVENT_RESULT, EventType::Result, 6),
        (LLM_EVENT_HTTP_HEAD, EventType::HttpHead, 7),
        (LLM_EVENT_HTTP_BODY, EventType::HttpBody, 8),
        (LLM_EVENT_RAW, EventType::Raw, 9),
        (LLM_EVENT_LOG, EventType::Log, 10),
        (LLM_EVENT_ASK, EventType::Ask, 11),
        (LLM_EVENT_REFUSAL, EventType::Refusal, 12),
        (LLM_EVENT_PART, EventType::Part, 13),
        (LLM_EVENT_DONE, EventType::Done, 100),
        (LLM_EVENT_ERROR, EventType::Error, 101),
    ];
    for (mine, theirs, number) in pairs {
        assert_eq!((mine as i32, theirs as i32), (number, number), "{mine:?}");
    }
}

#[test]
fn the_list_of_symbols_is_the_header_s_list_of_functions() {
    let header = include_str!("../../include/llm.h");
    let declared: BTreeSet<&str> = header
        .split("LLM_API ")
        .skip(1)
        .filter_map(declared)
        .collect();
    let listed: BTreeSet<&str> = include_str!("../llm.symbols").lines().collect();
    assert!(
        declared.len() > 30,
        "functions were found in the header at all"
    );
    assert_eq!(declared, listed);
}

#[test]
fn versions_agree() {
    assert_eq!(llm_abi_version(), LLM_ABI_VERSION);
    let script = include_str!("../build.rs");
    assert!(script.contains(&format!("const ABI: u32 = {LLM_ABI_VERSION};")));
    let number = LLM_VERSION_MAJOR << 16 | LLM_VERSION_MINOR << 8 | LLM_VERSION_PATCH;
    assert_eq!(llm_version_number(), number);
}

/// The name in a declaration that follows `LLM_API`.
fn declared(text: &str) -> Option<&str> {
    let head = text.split_once(';')?.0;
    let name = head.split_once('(')?.0.rsplit([' ', '*']).next()?;
    name.starts_with("llm_").then_some(name)
}
