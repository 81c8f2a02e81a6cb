//! Shapes and words of refusals; the vectors are in `tests/malformed.rs`.

use super::*;

fn http(status: u16, headers: &[(&'static str, &str)], body: &str) -> Error {
    let mut head = Head::new(status);
    for (name, value) in headers {
        head.headers.insert(*name, value.parse().unwrap());
    }
    from_response(
        &head,
        body.as_bytes(),
        &Quirks::default(),
        SystemTime::UNIX_EPOCH,
    )
}

#[test]
fn every_shape_of_body_gives_its_message() {
    let table = [
        (
            r#"{"error":{"message":"no","type":"t","code":"c","param":"p"}}"#,
            "no",
        ),
        (
            r#"{"type":"error","error":{"type":"t","message":"no"}}"#,
            "no",
        ),
        (
            r#"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]"#,
            "no",
        ),
        (r#"{"error":"no"}"#, "no"),
        (r#"{"code":"invalid-argument","error":"no"}"#, "no"),
        (r#"{"message":"no"}"#, "no"),
        (r#"{"object":"error","message":"no","code":400}"#, "no"),
        (r#"{"detail":"no"}"#, "no"),
        (
            r#"{"detail":[{"loc":["body","n"],"msg":"no"},{"msg":"nor this"}]}"#,
            "no (body.n); nor this",
        ),
        (
            r#"{"message":{"detail":[{"msg":"no","loc":["body",0]}]}}"#,
            "no (body.0)",
        ),
        (
            r#"{"errors":[{"code":7003,"message":"no"}],"success":false}"#,
            "no",
        ),
        (
            r#"{"statusCode":401,"error":"Unauthorized","message":"no such key"}"#,
            "Unauthorized: no such key",
        ),
        (
            r#"{"error":"invalid_grant","error_description":"it is old"}"#,
            "invalid_grant: it is old",
        ),
        (r#"{"error":"no","message":"no"}"#, "no"),
        (r#"{"error":"no","message":"oh no!"}"#, "oh no!"),
        (r#"{"error":{"message":"no"},"message":"more"}"#, "no"),
        ("no", "no"),
        ("{}", "http status 400 without a message"),
        (
            r#"{"error":{"message":null,"code":"c"}}"#,
            "http status 400: c",
        ),
        ("", "http status 400 without a body"),
        (" \n", "http status 400 without a body"),
    ];
    for (body, expected) in table {
        let error = http(400, &[], body);
        assert_eq!(error.message(), expected, "{body}");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{body}");
        assert_eq!(error.http_status(), Some(400));
    }
}

#[test]
fn type_code_and_param_are_the_providers() {
    let error = http(
        400,
        &[("x-request-id", "r1")],
        r#"{"error":{"message":"no","type":"t","code":"c","param":"p"}}"#,
    );
    assert_eq!(error.provider_type(), Some("t"));
    assert_eq!((error.code(), error.param()), (Some("c"), Some("p")));
    assert_eq!(error.request_id(), Some("r1"));
    let error = http(
        404,
        &[],
        r#"{"error":{"code":404,"message":"no","status":"NOT_FOUND"},"request_id":"r2"}"#,
    );
    assert_eq!(
        (error.provider_type(), error.code()),
        (Some("NOT_FOUND"), Some("404"))
    );
    assert_eq!(error.request_id(), Some("r2"));
    let body = r#"{"error":"no"}"#;
    assert_eq!(http(500, &[], body).body(), Some(body));
}

#[test]
fn a_wait_that_is_too_long_sends_elsewhere_and_is_reported() {
    let limited = r#"{"error":{"type":"rate_limit_error","message":"x"}}"#;
    let retry = |wait: &str| http(429, &[("retry-after", wait)], limited);
    assert_eq!(retry("2").retry(), Retry::After(Duration::from_secs(2)));
    assert_eq!(retry("3600").retry(), Retry::Elsewhere);
    assert_eq!(retry("3600").retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(retry("soon").retry(), Retry::Backoff);
}

#[test]
fn x_should_retry_is_obeyed_but_for_quotas() {
    let told = |status, value, body| http(status, &[("x-should-retry", value)], body).retry();
    assert_eq!(told(503, "false", ""), Retry::Elsewhere);
    assert_eq!(told(400, "false", ""), Retry::Never);
    assert_eq!(told(400, "true", ""), Retry::Backoff);
    assert_eq!(
        told(429, "true", r#"{"error":{"code":"insufficient_quota"}}"#),
        Retry::Elsewhere
    );
}

#[test]
fn keys_and_control_characters_stay_out_of_messages() {
    let said = |message: &str| {
        let body = format!(
            r#"{{"error":{{"message":{}}}}}"#,
            serde_json::to_string(message).unwrap()
        );
        http(401, &[], &body).message().to_owned()
    };
    assert_eq!(said("key provided: sk-false."), "key provided: sk-***.");
    assert_eq!(said("(sk-proj-abc_DEF-0123456789abcdef)"), "(sk-***)");
    assert_eq!(said("gsk_0123456789abcdef is bad"), "gsk_*** is bad");
    let half = "sk-proj-0123456789abcdef0123456789abcdef****";
    assert_eq!(said(half), "sk-***", "most of it is shown");
    for key in [
        "sk-litellm-master-key",
        "sk-team-blue-prod-01",
        "sk-Ab3_x9-Kd02mQp_Lw7z-Yt",
        "sk-0123456789abcdefghij01...",
        "AKIA0123456789ABCDEF...",
        "**sk-0123456789abcdefghij01**",
    ] {
        let said = said(key);
        assert!(
            said.contains("***") && !said.contains("ster") && !said.contains("89"),
            "{said}"
        );
    }
    // Where the message is cut there is no half of a key.
    for before in 480..512 {
        let key = "sk-ant-api03-aB_cD-eF_gH-iJ_kL-mN_oP-qR_sT-uV_wX-yZ";
        let said = said(&format!("{} {key}", "x".repeat(before)));
        assert!(!said.contains("api03"), "{before}: {said}");
    }
    assert_eq!(
        said("a risk-free task-based desk-top, sk-1"),
        "a risk-free task-based desk-top, sk-1"
    );
    assert_eq!(said("a\u{0}b\u{1b}[31mc\nd"), "ab[31mc\nd");
    assert_eq!(said("a\tb\r\nc\rd"), "a\tb\r\ncd");
}

#[test]
fn what_a_provider_masked_and_names_of_models_stay_as_they_are() {
    for words in [
        "Incorrect API key provided: sk-proj-****************wxyz. You can find it at https://h/keys.",
        "Incorrect API key provided: sk-svcac***wxyz.",
        "No auth for sk-or-v1-abc...f00",
        "Bad key sk-proj-abcd\u{2026}",
        "Incorrect API key provided: xai-abcd********wxyz12.",
        "Your api key: ****-key is invalid",
        "Unknown model pplx-embed-context-v1-0.6b",
    ] {
        let body = format!(r#"{{"error":{{"message":"{words}"}}}}"#);
        assert_eq!(http(401, &[], &body).message(), words);
    }
}

#[test]
fn a_message_is_cut_at_its_limit_and_at_a_character() {
    for (char, kept) in [("x", 512), ("é", 256), ("密", 256)] {
        let error = http(400, &[], &char.repeat(MESSAGE_MAX + 1));
        assert_eq!(error.message(), format!("{}...", char.repeat(kept)));
        let whole = char.repeat(kept);
        assert_eq!(http(400, &[], &whole).message(), whole);
    }
    let huge = "x".repeat(2 * BODY_MAX);
    assert_eq!(http(400, &[], &huge).body().map(str::len), Some(BODY_MAX));
}

#[test]
fn of_a_page_only_the_title_is_told_without_addresses() {
    let page = "<!DOCTYPE html>\n<TITLE lang=en>\n Blocked\n 203.0.113.9, | 2001:db8::1 </TITLE><p>Your IP: 203.0.113.9</p>";
    let error = http(503, &[], page);
    assert_eq!(
        error.message(),
        "http status 503 with an html page: Blocked *** | ***"
    );
    assert_eq!(
        http(503, &[], "<html>").message(),
        "http status 503 with an html page"
    );
}

#[test]
fn words_that_are_called_html_are_words() {
    let html = [("content-type", "text/html; charset=utf-8")];
    for words in ["upstream request timeout", "{\"error\": cut"] {
        assert_eq!(http(503, &html, words).message(), words);
    }
    assert_eq!(http(400, &html, r#"{"error":"no"}"#).message(), "no");
    assert_eq!(
        http(503, &html, "\n<h1>Sorry</h1>").message(),
        "http status 503 with an html page"
    );
}

#[test]
fn an_answer_is_no_error() {
    let answers = [
        r#"{"id":"x","choices":[],"error":null}"#,
        r#"{"error":{}}"#,
        r#"{"error":""}"#,
        r#"{"type":"message","content":[]}"#,
        r#"{"message":"hello"}"#,
        r#"{"code":400,"details":"text"}"#,
        r#""error""#,
        "[]",
        "null",
        "",
        "{\"error\":",
    ];
    for answer in answers {
        assert!(from_value(answer.as_bytes(), false).is_none(), "{answer}");
    }
}

#[test]
fn an_error_inside_an_answer_is_classified_by_words_then_by_number() {
    let table = [
        (
            r#"{"error":{"message":"m","type":"server_error","code":500}}"#,
            ErrorKind::ProviderError,
        ),
        (
            r#"{"error":{"message":"m","code":502}}"#,
            ErrorKind::ProviderError,
        ),
        (
            r#"{"error":{"message":"m","type":"overloaded"}}"#,
            ErrorKind::Overloaded,
        ),
        (
            r#"{"error":{"message":"m","code":529}}"#,
            ErrorKind::Overloaded,
        ),
        (
            r#"{"error":{"message":"m","code":"429"}}"#,
            ErrorKind::RateLimited,
        ),
        (
            r#"{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}"#,
            ErrorKind::RateLimited,
        ),
        (
            r#"{"error":{"message":"m","code":"content_filter","status":400}}"#,
            ErrorKind::ContentFilter,
        ),
        (r#"{"error":{"message":"m","code":401}}"#, ErrorKind::Auth),
        (
            r#"{"type":"error","code":"x","message":"m","param":null}"#,
            ErrorKind::ProviderError,
        ),
        (
            r#"[{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}]"#,
            ErrorKind::Unavailable,
        ),
        (r#"{"error":"m"}"#, ErrorKind::ProviderError),
    ];
    for (json, kind) in table {
        let error = from_value(json.as_bytes(), false).unwrap();
        assert_eq!(error.kind(), kind, "{json}");
        assert_eq!(error.message(), "m", "{json}");
        assert_eq!(error.http_status(), None);
    }
    let cut = from_value(b"{\"error\":{\"mess", true).unwrap();
    assert_eq!(
        cut.message(),
        "the provider reports an error and breaks off"
    );
    let named = from_value(b"the engine fell over", true).unwrap();
    assert_eq!(named.kind(), ErrorKind::ProviderError);
    assert_eq!(named.message(), "the engine fell over");
}

#[test]
fn a_refusal_in_control_characters_is_not_silent() {
    for body in [
        "\0\0\0",
        "\u{1}\n\u{7f}",
        r#"{"error":{"message":"\u0000 \u0001"}}"#,
    ] {
        let error = http(500, &[], body);
        assert_eq!(
            error.message(),
            "the provider's words hold no readable character",
            "{body:?}"
        );
    }
}

#[test]
fn what_minimax_counts_as_failed_has_a_kind() {
    for (code, kind) in [
        (1000, ErrorKind::ProviderError),
        (1001, ErrorKind::Timeout),
        (1002, ErrorKind::RateLimited),
        (1004, ErrorKind::Auth),
        (1008, ErrorKind::Quota),
        (1024, ErrorKind::ProviderError),
        (1026, ErrorKind::ContentFilter),
        (1033, ErrorKind::ProviderError),
        (1041, ErrorKind::RateLimited),
        (2013, ErrorKind::InvalidRequest),
        (2045, ErrorKind::RateLimited),
        (2049, ErrorKind::Auth),
        (2056, ErrorKind::Quota),
        (9999, ErrorKind::ProviderError),
    ] {
        let body = format!(
            r#"{{"choices":null,"base_resp":{{"status_code":{code},"status_msg":"no {code}"}}}}"#
        );
        let error = from_value(body.as_bytes(), true).unwrap();
        assert_eq!(error.kind(), kind, "{code}");
        assert_eq!(error.message(), format!("no {code}"));
    }
}
