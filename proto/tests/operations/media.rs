//! Pictures and sound.

use libllm_proto::ErrorKind;
use libllm_proto::wire::Operation::{Images, Speech, Transcription};
use serde_json::{Value, json};

use super::{Asked, encode, said};

#[test]
fn pictures_stay_as_they_came() {
    let request =
        json!({"prompt": "a cat", "n": 2, "size": "1024x1024", "response_format": "b64_json"});
    let (place, body, _) = said("openai_chat", Images, &request);
    assert_eq!(place, "POST https://h/images/generations");
    assert_eq!(body["response_format"], "b64_json");
    let place = said("azure_openai", Images, &request).0;
    assert!(
        place.contains("/openai/deployments/m%2F1/images/generations?api-version="),
        "{place}"
    );
    let answer = br#"{"created":1,"data":[{"b64_json":"aGk=","revised_prompt":"x"}],"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}"#;
    let heard = Asked::of("openai_chat", Images).hear(answer);
    assert_eq!(heard.data.as_deref(), Some(&answer[..]));
    assert_eq!(
        (heard.tokens(), heard.usage.unwrap().completion_tokens),
        ((Some(3), Some(7)), Some(4))
    );
    assert_eq!(
        Asked::of("openai_chat", Images).fail(b"{}").kind(),
        ErrorKind::Protocol
    );
}

#[test]
fn tokens_and_costs_are_read_in_whosever_words() {
    let counts = |operation, usage: &str| {
        let body = format!(r#"{{"created":1,"data":[{{"url":"u"}}],"text":"t","usage":{usage}}}"#);
        let heard = Asked::of("openai_chat", operation).hear(body.as_bytes());
        let heard = heard.usage.unwrap();
        let sound = heard.audio_prompt_tokens;
        let tokens = (heard.prompt_tokens, heard.completion_tokens);
        (tokens, heard.total_tokens, sound, heard.cost_microusd)
    };
    let chats = r#"{"prompt_tokens":3,"completion_tokens":11,"total_tokens":389,"prompt_tokens_details":{"audio_tokens":375},"cost":0.0125}"#;
    let own = r#"{"type":"tokens","input_tokens":37,"input_token_details":{"text_tokens":0,"audio_tokens":37},"output_tokens":12,"total_tokens":49,"cost":0.5}"#;
    for operation in [Images, Transcription] {
        assert_eq!(
            counts(operation, chats),
            ((Some(3), Some(11)), Some(389), Some(375), Some(12_500))
        );
        assert_eq!(
            counts(operation, own),
            ((Some(37), Some(12)), Some(49), Some(37), Some(500_000))
        );
    }
    let ticks = r#"{"cost_in_usd_ticks":200000000}"#;
    assert_eq!(
        counts(Images, ticks),
        ((None, None), None, None, Some(20_000))
    );
    let seconds = r#"{"type":"duration","seconds":4}"#;
    assert_eq!(
        counts(Transcription, seconds),
        ((None, None), None, None, None)
    );
}

#[test]
fn speech_is_bytes_and_says_which() {
    let request = json!({"input": "hello", "voice": "alloy", "response_format": "wav"});
    let (place, body, _) = said("openai_chat", Speech, &request);
    assert_eq!(place, "POST https://h/audio/speech");
    assert_eq!(
        (&body["voice"], &body["response_format"]),
        (&json!("alloy"), &json!("wav"))
    );
    let sound: Vec<u8> = (0..=255).cycle().take(3000).collect();
    let headers = [("content-type", "audio/mpeg; x=y")];
    let asked = Asked {
        headers: &headers,
        ..Asked::of("openai_chat", Speech)
    };
    let heard = asked.hear(&sound);
    assert_eq!(heard.data, Some(sound));
    assert_eq!(heard.media_type.as_deref(), Some("audio/mpeg"));
    let plain = Asked {
        headers: &[],
        ..Asked::of("openai_chat", Speech)
    };
    assert_eq!(
        plain.hear(b"x").media_type.as_deref(),
        Some("application/octet-stream")
    );
    let refused = Asked::of("openai_chat", Speech).fail(br#"{"error":{"message":"no voice"}}"#);
    assert_eq!(refused.message(), "no voice");
    assert_eq!(
        Asked::of("openai_chat", Speech).fail(b"{}").kind(),
        ErrorKind::Protocol
    );
}

#[test]
fn a_recording_travels_as_forms_do() {
    let send = |file: Value| {
        let request = json!({"model": "m", "file": file, "language": "en", "temperature": 0, "timestamp_granularities": ["word", "segment"],
            "response_format": "verbose_json", "stream": false, "extra_body": {"inner": true}});
        encode("openai_chat", Transcription, &request)
    };
    let encoded =
        send(json!({"data": "aGk=", "filename": "talk.mp3", "content_type": "audio/mpeg"}))
            .unwrap();
    let kind = encoded.http.headers()["content-type"].to_str().unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = String::from_utf8(encoded.http.body().to_vec()).unwrap();
    let parts: Vec<&str> = body.split(&format!("--{boundary}\r\n")).skip(1).collect();
    let field = |name: &str, value: &str| {
        format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    assert_eq!(parts[0], field("model", "m/1"));
    assert!(
        parts.contains(&field("language", "en").as_str())
            && parts.contains(&field("temperature", "0").as_str())
    );
    assert!(
        parts.contains(&field("timestamp_granularities[]", "segment").as_str()),
        "{body}"
    );
    assert!(parts.contains(&field("response_format", "verbose_json").as_str()));
    assert!(
        parts.contains(&field("inner", "true").as_str())
            && parts.contains(&field("over", "1").as_str())
    );
    assert!(!body.contains("\"stream\""));
    assert_eq!(
        *parts.last().unwrap(),
        format!(
            "Content-Disposition: form-data; name=\"file\"; filename=\"talk.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\nhi\r\n--{boundary}--\r\n"
        )
    );
    let address = send(json!("data:audio/ogg;base64,aGk=")).unwrap();
    let body = String::from_utf8(address.http.body().to_vec()).unwrap();
    assert!(
        body.contains("filename=\"audio.ogg\"\r\nContent-Type: audio/ogg\r\n\r\nhi\r\n"),
        "{body}"
    );
    for (bad, why) in [
        (json!({"data": "*"}), "file.data: is no base64"),
        (json!({}), "file.data: is missing"),
        (json!(5), "file: expected"),
    ] {
        let error = send(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().starts_with(why), "{error}");
    }
}

#[test]
fn what_was_said_is_json_whatever_was_asked_for() {
    let asked = Asked::of("openai_chat", Transcription);
    let body = br#"{"text":"Hello.","usage":{"type":"tokens","input_tokens":14,"output_tokens":5,"total_tokens":19}}"#;
    let heard = asked.hear(body);
    assert_eq!(heard.data.as_deref(), Some(&body[..]));
    assert_eq!(heard.tokens(), (Some(14), Some(19)));
    assert_eq!(asked.fail(b"{}").kind(), ErrorKind::Protocol);
    let headers = [("content-type", "text/plain; charset=utf-8")];
    let subtitles = Asked {
        headers: &headers,
        ..Asked::of("openai_chat", Transcription)
    };
    let (heard, error) = subtitles.pieces(&[b"1\n00:00 --> 00:01\n\"Hello\"\n"]);
    assert!(error.is_none());
    assert_eq!(
        heard.json(),
        json!({"text": "1\n00:00 --> 00:01\n\"Hello\"\n"})
    );
}
