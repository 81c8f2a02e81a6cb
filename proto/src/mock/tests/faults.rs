//! What goes wrong, where, and for which requests.

use super::*;

#[test]
fn refusals_have_status_headers_and_the_dialects_body() {
    let refused = reply(Dialect::OpenaiChat, "status=429;retry_after=1", true, 1);
    assert_eq!(refused.status, 429);
    assert!(refused.headers.contains(&("retry-after", "1".to_owned())));
    assert!(
        refused
            .headers
            .contains(&("content-type", "application/json".to_owned()))
    );
    let length = refused.length;
    assert_eq!(length, Some(drained(refused).0.len()));

    let body = object(Dialect::OpenaiChat, "status=429");
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
    let body = object(Dialect::OpenaiChat, "status=429;error=quota");
    assert_eq!(body["error"]["code"], "insufficient_quota");
    let body = object(Dialect::Anthropic, "status=529");
    assert_eq!(
        (&body["type"], &body["error"]["type"]),
        (&"error".into(), &"overloaded_error".into())
    );

    let exact = reply(
        Dialect::Anthropic,
        "status=529;retry_after=20ms;ttft=5ms",
        false,
        1,
    );
    assert!(exact.headers.contains(&("retry-after-ms", "20".to_owned())));
    assert_eq!(exact.head_at, ms(5));
    let page = reply(Dialect::OpenaiChat, "status=502;body=html", true, 1);
    assert_eq!(page.headers[0], ("content-type", "text/html".to_owned()));
    assert!(drained(page).0.starts_with(b"<html>"));
    let empty = reply(Dialect::OpenaiChat, "status=500;body=empty", true, 1);
    assert_eq!(empty.length, Some(0));
    assert_eq!(drained(empty).0.len(), 0);
    assert_eq!(reply(Dialect::OpenaiChat, "body=html", true, 1).status, 200);
}

#[test]
fn in_band_errors_end_the_stream_without_its_marker() {
    let script = "tokens=5;error=overloaded;at=2";
    let text = String::from_utf8(drained(reply(Dialect::OpenaiChat, script, true, 1)).0).unwrap();
    assert!(text.contains("\"w0\"") && text.contains("\" w1\"") && !text.contains("w2"));
    assert!(text.contains("\"error\":{") && !text.contains("[DONE]"));
    let text = String::from_utf8(drained(reply(Dialect::Anthropic, script, true, 1)).0).unwrap();
    assert!(
        text.contains("event: error\ndata: {\"type\":\"error\"") && !text.contains("message_stop")
    );
    // Not streamed, the same error has its own status.
    assert_eq!(reply(Dialect::Anthropic, script, false, 1).status, 529);
}

#[test]
fn cuts_come_after_their_token_and_garbage_is_no_json() {
    for (word, cut) in [("fin", Cut::Fin), ("rst", Cut::Rst), ("chunk", Cut::Chunk)] {
        let script = format!("tokens=5;pace=1ms;cut={word};at=2");
        let (bytes, how) = drained(reply(Dialect::OpenaiChat, &script, true, 1));
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(how, Some(cut));
        assert!(text.contains("\" w1\"") && !text.contains("w2") && !text.contains("[DONE]"));
        let whole = reply(Dialect::OpenaiChat, &script, false, 1);
        assert_eq!(whole.length, None);
        let (bytes, how) = drained(whole);
        assert_eq!(how, Some(cut));
        assert!(!bytes.is_empty() && serde_json::from_slice::<Value>(&bytes).is_err());
    }
    // Beyond the last token means after it.
    let (bytes, cut) = drained(reply(Dialect::OpenaiChat, "tokens=1;cut=fin;at=9", true, 1));
    assert!(cut.is_some() && !String::from_utf8(bytes).unwrap().contains("\"stop\""));
    let (bytes, _) = drained(reply(Dialect::Anthropic, "tokens=2;garbage;at=1", true, 1));
    assert!(String::from_utf8(bytes).is_err());
    assert_eq!(
        drained(reply(Dialect::OpenaiChat, "garbage", false, 1)).0,
        unary::GARBAGE
    );
}

#[test]
fn faults_at_the_head_precede_the_status_line() {
    let cut = reply(
        Dialect::OpenaiChat,
        "echo;cut=rst;at=head;ttft=3ms",
        true,
        1,
    );
    assert_eq!((cut.cut_head, cut.head_at), (Some(Cut::Rst), ms(3)));
    assert_eq!(cut.body.count(), 0);
    let late = reply(
        Dialect::OpenaiChat,
        "tokens=1;stall=2s;at=head;ttft=3ms",
        true,
        1,
    );
    assert_eq!((late.cut_head, late.head_at), (None, ms(2000)));
    assert!(
        late.body
            .collect::<Vec<_>>()
            .contains(&Step::Until(ms(2003)))
    );
    let late = reply(
        Dialect::OpenaiChat,
        "tokens=1;stall=2s;at=head;ttft=3ms",
        false,
        1,
    );
    assert_eq!(late.head_at, ms(2003));
}

#[test]
fn times_and_rate_choose_the_requests_that_fail() {
    let statuses = |script: &str, n: u32| -> Vec<u16> {
        (1..=n)
            .map(|attempt| reply(Dialect::OpenaiChat, script, true, attempt).status)
            .collect()
    };
    assert_eq!(statuses("status=500;times=2", 4), [500, 500, 200, 200]);
    assert_eq!(statuses("status=500;rate=0.5", 4), [200, 500, 200, 500]);
    assert_eq!(statuses("status=500;rate=1", 2), [500, 500]);
    let failed = statuses("status=500;rate=0.1", 1000)
        .iter()
        .filter(|s| **s == 500)
        .count();
    assert_eq!(failed, 100);
    let cut = |attempt| {
        drained(reply(
            Dialect::OpenaiChat,
            "cut=rst;at=1;times=1",
            true,
            attempt,
        ))
        .1
    };
    assert_eq!((cut(1), cut(2)), (Some(Cut::Rst), None));
}
