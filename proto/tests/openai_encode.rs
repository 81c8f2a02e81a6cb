//! What goes out to a Chat Completions provider: the caller's bytes, but for what the target changes.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::time::SystemTime;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Encoded, Exchange, Head, Operation, Target, Unsupported};
use libllm_proto::{Batch, ErrorKind, Request, Response, Result};

const HI: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

/// A provider and what it is asked with.
struct To {
    quirks: Quirks,
    stream: bool,
    unsupported: Unsupported,
    extra_body: Option<&'static str>,
}

impl To {
    fn plain() -> To {
        let quirks = Quirks::default();
        To {
            quirks,
            stream: false,
            unsupported: Unsupported::Drop,
            extra_body: None,
        }
    }

    fn quirks(change: impl FnOnce(&mut Quirks)) -> To {
        let mut to = To::plain();
        change(&mut to.quirks);
        to
    }

    fn stream(mut self) -> To {
        self.stream = true;
        self
    }

    fn unsupported(mut self, mode: Unsupported) -> To {
        self.unsupported = mode;
        self
    }

    fn encode(&self, body: &str) -> Result<Encoded> {
        let body = body.replace("HI", HI);
        let target = Target {
            provider: "house",
            model: "m",
            base_url: "https://house.example/v1",
            stream: self.stream,
            operation: Operation::Chat,
            quirks: &self.quirks,
            unsupported: self.unsupported,
            extra_body: self.extra_body.map(str::as_bytes),
        };
        wire::find("openai_chat")
            .unwrap()
            .encode(&Request::parse(body)?, &target)
    }

    /// The body that goes out, and what is reported as `param: action`.
    fn sent(&self, body: &str) -> (String, Vec<String>) {
        let encoded = self.encode(body).unwrap();
        let sent = String::from_utf8(encoded.http.body().to_vec()).unwrap();
        assert!(
            serde_json::from_str::<serde_json::Value>(&sent).is_ok(),
            "{sent}"
        );
        let dropped = encoded.dropped.iter();
        let dropped = dropped.map(|one| format!("{}: {}: {}", one.param, one.action, one.why));
        (sent.replace(HI, "HI"), dropped.collect())
    }

    #[track_caller]
    fn check(&self, body: &str, sent: &str, reported: &[&str]) {
        let (out, report) = self.sent(body);
        assert_eq!(out, sent);
        assert_eq!(report, reported);
    }
}

#[test]
fn url_and_headers_say_what_is_asked() {
    for (stream, accept) in [(true, "text/event-stream"), (false, "application/json")] {
        let to = To {
            stream,
            ..To::plain()
        };
        let http = to.encode("{HI}").unwrap().http;
        assert_eq!(http.method(), "POST");
        assert_eq!(http.uri(), "https://house.example/v1/chat/completions");
        assert_eq!(http.headers()["content-type"], "application/json");
        assert_eq!(http.headers()["accept"], accept);
        assert_eq!(http.headers()["accept-encoding"], "identity");
    }
}

#[test]
fn a_request_that_fits_is_sent_without_a_copy() {
    let source = r#"{"model":"m","stream":false,"messages":[{"role":"user","content":"hi"}]}"#;
    let request = Request::parse(source).unwrap();
    let quirks = Quirks::default();
    let target = Target {
        provider: "house",
        model: "m",
        base_url: "http://h",
        stream: false,
        operation: Operation::Chat,
        quirks: &quirks,
        unsupported: Unsupported::Drop,
        extra_body: None,
    };
    let encoded = wire::find("openai_chat")
        .unwrap()
        .encode(&request, &target)
        .unwrap();
    assert_eq!(encoded.http.body().as_ptr(), request.source().as_ptr());
}

#[test]
fn the_model_and_nothing_else_changes() {
    let to = To::plain();
    to.check(
        r#"{ "model" : "house/m" , "temperature":0.70, "vendor":{"b":1,"a":[1.0e-2, "\u00e9"]},HI, "n":1 }"#,
        r#"{ "model" : "m" , "temperature":0.70, "vendor":{"b":1,"a":[1.0e-2, "\u00e9"]},HI, "n":1 }"#,
        &[],
    );
    to.check("{HI}", r#"{HI,"model":"m"}"#, &[]);
    to.check(r#"{"model":null,HI}"#, r#"{"model":"m",HI}"#, &[]);
    to.check(
        r#"{"model":"x","model":"y",HI}"#,
        r#"{"model":"m",HI}"#,
        &[],
    );
}

#[test]
fn a_stream_is_asked_for_as_the_target_says() {
    let (stream, whole) = (To::plain().stream(), To::plain());
    let usage = r#""stream_options":{"include_usage":true}"#;
    stream.check(
        r#"{"model":"m",HI}"#,
        &format!(r#"{{"model":"m",HI,"stream":true,{usage}}}"#),
        &[],
    );
    stream.check(
        r#"{"model":"m","stream":false,HI}"#,
        &format!(r#"{{"model":"m","stream":true,HI,{usage}}}"#),
        &[],
    );
    whole.check(
        r#"{"model":"m","stream":true,HI}"#,
        r#"{"model":"m","stream":false,HI}"#,
        &[],
    );
    whole.check(
        r#"{"model":"m","stream":null,HI}"#,
        r#"{"model":"m","stream":null,HI}"#,
        &[],
    );
    whole.check(r#"{"model":"m",HI}"#, r#"{"model":"m",HI}"#, &[]);
    whole.check(
        r#"{"model":"m","stream_options":{"include_usage":true},HI}"#,
        r#"{"model":"m",HI}"#,
        &["stream_options: dropped: the answer is not asked for as a stream"],
    );
}

#[test]
fn usage_is_asked_for_unless_the_caller_said() {
    let to = To::plain().stream();
    let with =
        |options: &str| format!(r#"{{"model":"m","stream":true,"stream_options":{options},HI}}"#);
    for said in [
        r#"{"include_usage":false}"#,
        r#"{ "include_usage" : true, "x":1 }"#,
    ] {
        to.check(&with(said), &with(said), &[]);
    }
    to.check(
        &with(r#"{"x":1}"#),
        &with(r#"{"x":1,"include_usage":true}"#),
        &[],
    );
    to.check(&with("{ }"), &with(r#"{"include_usage":true}"#), &[]);
    to.check(&with("null"), &with(r#"{"include_usage":true}"#), &[]);

    let none = To::quirks(|quirks| quirks.stream_usage = false).stream();
    let plain = r#"{"model":"m","stream":true,HI}"#;
    none.check(plain, plain, &[]);
    none.check(
        &with(r#"{"include_usage":true}"#),
        plain,
        &["stream_options: dropped: the provider does not know it"],
    );
    let pass = To::quirks(|quirks| quirks.stream_usage = false)
        .stream()
        .unsupported(Unsupported::Pass);
    pass.check(
        &with(r#"{"include_usage":true}"#),
        &with(r#"{"include_usage":true}"#),
        &[],
    );
}

#[test]
fn the_limit_of_tokens_has_the_providers_name() {
    let old = To::quirks(|quirks| quirks.max_tokens_name = Some("max_tokens"));
    let new = To::quirks(|quirks| quirks.max_tokens_name = Some("max_completion_tokens"));
    old.check(
        r#"{"model":"m","max_completion_tokens":10,HI}"#,
        r#"{"model":"m","max_tokens":10,HI}"#,
        &["max_completion_tokens: converted: the provider's name for it is max_tokens"],
    );
    new.check(
        r#"{"model":"m","max_tokens":10,"max_completion_tokens":null,HI}"#,
        r#"{"model":"m","max_completion_tokens":10,HI}"#,
        &["max_tokens: converted: the provider's name for it is max_completion_tokens"],
    );
    new.check(
        r#"{"model":"m","max_tokens":10,"max_completion_tokens":20,HI}"#,
        r#"{"model":"m","max_completion_tokens":20,HI}"#,
        &["max_tokens: dropped: max_completion_tokens says it"],
    );
    let fits = r#"{"model":"m","max_tokens":10,HI}"#;
    old.check(fits, fits, &[]);
    To::plain().check(fits, fits, &[]);
    new.unsupported(Unsupported::Pass).check(fits, fits, &[]);
}

#[test]
fn what_a_provider_does_not_know_is_dropped_refused_or_passed() {
    let to = |mode| To::quirks(|quirks| quirks.no_parallel_tools = true).unsupported(mode);
    let body = r#"{"model":"m",HI,"parallel_tool_calls":false}"#;
    to(Unsupported::Drop).check(
        body,
        r#"{"model":"m",HI}"#,
        &["parallel_tool_calls: dropped: the provider does not know it"],
    );
    to(Unsupported::Pass).check(body, body, &[]);
    let error = to(Unsupported::Error).encode(body).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        error.message(),
        "parallel_tool_calls: the provider does not know it"
    );
}

#[test]
fn the_extra_body_is_merged_in_last() {
    let body = r#"{"model":"m","temperature":1,HI,"extra_body":{"top_k":5,"temperature":0.10,"model":"other"}}"#;
    To::plain().check(
        body,
        r#"{"model":"other","temperature":0.10,HI,"top_k":5}"#,
        &[],
    );
    let to = To {
        extra_body: Some(r#"{"top_k" : [1], "x":null, "extra_body":1, "libllm":2}"#),
        ..To::plain()
    };
    to.check(
        body,
        r#"{"model":"other","temperature":0.10,HI,"top_k":[1],"x":null}"#,
        &[],
    );
    for (extra, why) in [
        ("[]", "extra_body: expected an object"),
        (
            r#"{"a":}"#,
            "extra_body: malformed JSON: expected value at line 1 column 6",
        ),
    ] {
        let to = To {
            extra_body: Some(extra),
            ..To::plain()
        };
        assert_eq!(to.encode(body).unwrap_err().message(), why);
    }
}

#[test]
fn our_own_keys_never_travel() {
    To::plain().check(
        r#"{"libllm":{"cost":1},"model":"m",HI}"#,
        r#"{"model":"m",HI}"#,
        &[],
    );
}

#[test]
fn system_messages_have_the_providers_role() {
    let to = To::quirks(|quirks| quirks.system_role = Some("system"));
    to.check(
        r#"{"model":"m","messages":[{"role" : "developer","content":"a"},{"role":"system","content":"b"},{"content":"c","role":"developer"},{"role":"user","content":"developer"}]}"#,
        r#"{"model":"m","messages":[{"role" : "system","content":"a"},{"role":"system","content":"b"},{"content":"c","role":"system"},{"role":"user","content":"developer"}]}"#,
        &["messages[0].role: converted: the provider's role for it is system (2 times)"],
    );
}

#[test]
fn tool_ids_fit_and_still_meet() {
    let to = To::quirks(|quirks| quirks.tool_ids = Some("alnum9"));
    let body = r#"{"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[
        {"id":"call_abcdefghijkl","type":"function","function":{"name":"f","arguments":"{}"}},
        {"id":"aB3456789","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"call_abcdefghijkl","content":"1"},
        {"role":"tool","tool_call_id":"aB3456789","content":"2"}]}"#;
    let (sent, report) = to.sent(body);
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    let first = sent["messages"][0]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(
        first.len() == 9 && first.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "{first}"
    );
    assert_eq!(sent["messages"][1]["tool_call_id"], first);
    assert_eq!(sent["messages"][0]["tool_calls"][1]["id"], "aB3456789");
    assert_eq!(sent["messages"][2]["tool_call_id"], "aB3456789");
    assert_eq!(report.len(), 1);
    assert!(
        report[0].starts_with("messages[0].tool_calls: converted"),
        "{report:?}"
    );
}

#[test]
fn earlier_reasoning_goes_where_the_provider_takes_it() {
    let turn = |members: &str| {
        format!(r#"{{"model":"m","messages":[{{"role":"assistant","content":"a"{members}}}]}}"#)
    };
    let ours = turn(r#","reasoning":"r""#);
    let vendors = turn(r#","reasoning_content":"r""#);
    let takes = |name| To::quirks(|quirks| quirks.reasoning_field = Some(name));
    takes("reasoning").check(&ours, &ours, &[]);
    takes("reasoning_content").check(&vendors, &vendors, &[]);
    takes("reasoning_content").check(
        &ours,
        &vendors,
        &["messages[0].reasoning: converted: the provider's name for it is reasoning_content"],
    );
    takes("reasoning").check(
        &vendors,
        &ours,
        &["messages[0].reasoning_content: converted: the provider's name for it is reasoning"],
    );
    takes("reasoning").check(
        &turn(r#","reasoning":"r","reasoning_content":"r""#),
        &ours,
        &[],
    );
    To::plain().check(
        &ours,
        &turn(""),
        &["messages[0].reasoning: dropped: the provider takes no reasoning back"],
    );
    To::plain().check(&vendors, &vendors, &[]);
    To::plain()
        .unsupported(Unsupported::Pass)
        .check(&ours, &ours, &[]);
}

#[test]
fn marks_of_other_formats_go_to_services_that_know_them() {
    let mark = r#""cache_control":{"type":"ephemeral"}"#;
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"system","content":[{{"type":"text","text":"s",{mark}}},{{{mark},"type":"text","text":"cache_control"}}]}},
        {{"role":"user","content":"q",{mark}}},
        {{"role":"assistant","content":null,"tool_calls":[{{"id":"c",{mark},"type":"function","function":{{"name":"f","arguments":"{{}}"}}}}],"reasoning":"hm"}},
        {{"role":"tool","is_error":true,"tool_call_id":"c","content":"no"}},{{"role":"tool","tool_call_id":"d","content":"x","is_error":false}}],
        "tools":[{{"type":"function","function":{{"name":"f",{mark},"parameters":{{"properties":{{"cache_control":{{}}}}}}}},{mark}}},{{{mark}}}]}}"#
    );
    let plain = body
        .replace(&format!(",{mark}"), "")
        .replace(&format!("{mark},"), "")
        .replace(mark, "")
        .replace(r#","reasoning":"hm""#, "");
    let sent = plain
        .replace(r#""is_error":true,"#, "")
        .replace(r#","is_error":false"#, "");
    let by_itself = "cache_control: dropped: the provider caches by itself, or not at all";
    To::plain().check(
        &body,
        &sent,
        &[
            &format!("messages[0].content[0].{by_itself} (4 times)"),
            "messages[2].reasoning: dropped: the provider takes no reasoning back",
            "messages[3].is_error: dropped: the format has no place for it",
            &format!("tools[0].{by_itself} (3 times)"),
        ],
    );
    let (kept, told) = To::quirks(|quirks| quirks.cache_markers = true).sent(&body);
    assert_eq!(kept.matches(mark).count(), 7, "{kept}");
    assert!(!kept.contains("is_error"), "{kept}");
    assert!(!told.iter().any(|told| told.contains("cache")), "{told:?}");
    let (passed, told) = To::plain().unsupported(Unsupported::Pass).sent(&body);
    assert_eq!((passed.as_str(), told.len()), (body.as_str(), 0));
    let refused = To::plain().unsupported(Unsupported::Error);
    for body in [
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"q",{mark}}}]}}"#),
        format!(r#"{{"model":"m",HI,"tools":[{{{mark}}}]}}"#),
    ] {
        let error = refused.encode(&body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{body}");
    }
    // A schema may speak of it.
    let schema = r#"{"model":"m",HI,"tools":[{"type":"function","function":{"name":"cache_control","parameters":{"cache_control":1}}}]}"#;
    To::plain().check(schema, schema, &[]);
}

#[test]
fn parts_go_back_to_who_made_them() {
    let turn = |members: &str| {
        format!(r#"{{"model":"m","messages":[{{"role":"assistant"{members},"content":"a"}}]}}"#)
    };
    let parts = r#","libllm_parts":[
        {"kind":"signature","provider":"house","index":0,"data":{"type":"reasoning.text","text":"t", "signature":"S=="}},
        {"kind":"encrypted","provider":"house","index":1,"data":{"data":"E"}},
        {"kind":"citation","provider":"house","index":2,"data":"https://a.example"},
        {"kind":"audio","provider":"house","index":3,"data":{"id":"audio_1","data":"AAAA"}},
        {"kind":"redacted","provider":"anthropic","index":0,"data":{"type":"redacted_thinking","data":"x"}}]"#;
    To::plain().check(
        &turn(parts),
        &turn("").replace(
            "}]}",
            r#","audio":{"id":"audio_1"},"reasoning_details":[{"type":"reasoning.text","text":"t", "signature":"S=="},{"data":"E"}]}]}"#,
        ),
        &["messages[0].libllm_parts: dropped: a part of anthropic means nothing to this provider"],
    );
    // One sound is said, and none where the message says its own.
    let sounds = r#","libllm_parts":[{"kind":"audio","provider":"house","data":{"id":"one"}},{"kind":"audio","provider":"house","data":{"id":"two"}}]"#;
    To::plain().check(
        &turn(sounds),
        &turn("").replace("}]}", r#","audio":{"id":"one"}}]}"#),
        &[],
    );
    let own = r#","audio":{"id":"own"}"#;
    To::plain().check(&turn(&format!("{own}{sounds}")), &turn(own), &[]);
    let foreign = r#","libllm_parts":[{"kind":"signature","data":1}]"#;
    let error = To::plain()
        .unsupported(Unsupported::Error)
        .encode(&turn(foreign))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    To::plain().check(&turn(r#","libllm_parts":[]"#), &turn(""), &[]);
    To::plain().check(&turn(r#","libllm_parts":null"#), &turn(""), &[]);
}

#[test]
fn a_base_url_that_is_none_is_a_config_error() {
    let request = Request::parse(format!("{{{HI}}}")).unwrap();
    let quirks = Quirks::default();
    let target = Target {
        provider: "house",
        model: "m",
        base_url: "http://a b",
        stream: false,
        operation: Operation::Chat,
        quirks: &quirks,
        unsupported: Unsupported::Drop,
        extra_body: None,
    };
    let error = wire::find("openai_chat")
        .unwrap()
        .encode(&request, &target)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

/// The turn that a stream from provider `house` says to append.
fn turn_of(frames: &[&str]) -> String {
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    let wire = wire::find("openai_chat").unwrap();
    let (head, now) = (Head::new(200), SystemTime::UNIX_EPOCH);
    let mut decoder = Decoder::new(wire, &exchange, head, Limits::default(), false, now);
    let mut batch = Batch::new();
    for frame in frames {
        decoder
            .push(format!("data: {frame}\n\n").as_bytes(), &mut batch)
            .unwrap();
    }
    decoder.finish(End::Clean, &mut batch).unwrap();
    let mut response = Response::default();
    response.set_provider("house");
    response.absorb(&batch);
    response.finish(true);
    response.message_json(true, &|_, index| format!("call_1_{index}"))
}

#[test]
fn an_answers_turn_goes_back_to_its_provider_byte_for_byte_and_to_others_without_its_seals() {
    let turn = turn_of(&[
        r#"{"choices":[{"index":0,"delta":{"reasoning":"th\u00e9","reasoning_details":[{"type":"reasoning.text","text":"th\u00e9","index":0,"format":"f"}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning":" x","reasoning_details":[{"type":"reasoning.text","text":" x","index":0,"format":"f"}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text", "signature":"S/+==","index":0, "n":1.0}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{\"a\":1}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        "[DONE]",
    ]);
    let body = format!(r#"{{"model":"m","messages":[{turn}]}}"#);
    let call = r#""tool_calls":[{"id":"call_1_0","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]"#;
    let home = To::quirks(|quirks| quirks.reasoning_field = Some("reasoning"));
    home.check(
        &body,
        &format!(
            r#"{{"model":"m","messages":[{{"role":"assistant","content":null,"reasoning":"thé x",{call},"reasoning_details":[{{"type":"reasoning.text", "signature":"S/+==","index":0, "n":1.0,"text":"thé x"}}]}}]}}"#
        ),
        &[],
    );
    let elsewhere = body.replace("house", "elsewhere");
    To::plain().check(
        &elsewhere,
        &format!(r#"{{"model":"m","messages":[{{"role":"assistant","content":null,{call}}}]}}"#),
        &[
            "messages[0].reasoning: dropped: the provider takes no reasoning back",
            "messages[0].libllm_parts: dropped: a part of elsewhere means nothing to this provider",
        ],
    );
}

#[test]
fn what_google_signed_goes_back_to_the_call_and_to_the_text_that_it_belongs_to() {
    let turn = turn_of(&[
        r#"{"choices":[{"index":0,"delta":{"content":"a","extra_content":{"google":{"thought_signature":"R"}}}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"b","extra_content":{"google":{"thought_signature":"S", "n":1.0}}}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"one","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"T+/="}}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"name":"g","arguments":"{}"},"extra_content":{"google":{"thought_signature":"U"}}}]},"finish_reason":"tool_calls"}]}"#,
        "[DONE]",
    ]);
    let body = format!(r#"{{"model":"m","messages":[{turn}]}}"#);
    let call = |id: &str, name: &str, extra: &str| {
        let function = format!(r#""function":{{"name":"{name}","arguments":"{{}}"}}"#);
        format!(r#"{{"id":"{id}","type":"function",{function}{extra}}}"#)
    };
    let calls = |first: &str, second: &str| {
        let (one, two) = (call("one", "f", first), call("call_1_1", "g", second));
        format!(r#""role":"assistant","content":"ab","tool_calls":[{one},{two}]"#)
    };
    let signed =
        |by: &str| format!(r#","extra_content":{{"google":{{"thought_signature":"{by}"}}}}"#);
    let back = calls(&signed("T+/="), &signed("U"));
    let text = r#","extra_content":{"google":{"thought_signature":"S", "n":1.0}}"#;
    To::plain().check(
        &body,
        &format!(r#"{{"model":"m","messages":[{{{back}{text}}}]}}"#),
        &[],
    );
    To::plain().check(
        &body.replace("house", "elsewhere"),
        &format!(r#"{{"model":"m","messages":[{{{}}}]}}"#, calls("", "")),
        &["messages[0].libllm_parts: dropped: a part of elsewhere means nothing to this provider (4 times)"],
    );
    // What the caller put there himself stays, and a call that is gone needs nothing.
    let own = call("one", "f", &signed("own"));
    let part = r#"{"kind":"signature","provider":"house","data":{"id":"one","extra_content":{}}},{"kind":"signature","provider":"house","data":{"id":"two","extra_content":{}}}"#;
    let kept = format!(r#"{{"model":"m","messages":[{{"role":"assistant","tool_calls":[{own}]"#);
    To::plain().check(
        &format!(r#"{kept},"libllm_parts":[{part}]}}]}}"#),
        &format!("{kept}}}]}}"),
        &[],
    );
}

#[test]
fn a_deployment_of_azure_is_a_part_of_the_path() {
    let request =
        Request::parse(r#"{"messages":[{"role":"user","content":"hi"}],"max_tokens":5}"#).unwrap();
    let wire = libllm_proto::wire::find("azure_openai").unwrap();
    let row = libllm_proto::provider::find("azure_deployments").unwrap();
    let target = libllm_proto::wire::Target {
        provider: row.id,
        model: "my gpt/4",
        base_url: "https://r.openai.azure.com",
        stream: true,
        operation: libllm_proto::wire::Operation::Chat,
        quirks: &row.quirks,
        unsupported: libllm_proto::wire::Unsupported::Drop,
        extra_body: None,
    };
    let encoded = wire.encode(&request, &target).unwrap();
    assert_eq!(
        encoded.http.uri(),
        "https://r.openai.azure.com/openai/deployments/my%20gpt%2F4/chat/completions?api-version=2024-10-21"
    );
    let body: serde_json::Value = serde_json::from_slice(encoded.http.body()).unwrap();
    assert_eq!(
        (&body["max_completion_tokens"], &body["stream"]),
        (&5.into(), &true.into())
    );
}
