//! What is a script and what is none.

use super::*;

#[test]
fn what_is_no_script_is_told_why() {
    let cases = [
        ("", "empty script: expected echo"),
        ("gpt-4o", "unknown script `gpt-4o`: expected echo"),
        ("tokens", "tokens: expected a value"),
        ("tokens=x", "tokens: expected a whole number"),
        ("tokens=2;tokens=3", "tokens: given twice"),
        ("tokens=2;text=a", "text: excludes tokens"),
        ("garbage=1", "garbage: takes no value"),
        ("pace=5", "pace: expected a duration such as 20ms"),
        ("stal=5s", "unknown key `stal`; closest: stall"),
        ("text=%zz", "text: expected two hex digits"),
        (
            "at=3",
            "at: expected after the error, cut, stall or garbage",
        ),
        ("cut=rst;at=1;at=2", "at: expected after"),
        ("cut=now", "cut: expected fin or rst or chunk, found `now`"),
        (
            "error=overload",
            "error: expected an error kind, found `overload`; closest: overloaded",
        ),
        ("garbage;at=head", "at: `head` is for cut and stall"),
        ("status=99", "status: expected a whole number from 200"),
        ("status=429;cut=rst", "status and body exclude cut"),
        ("retry_after=1", "retry_after: needs status"),
        ("times=2", "times and rate need a failure"),
        ("status=500;times=1;rate=0.5", "times excludes rate"),
        ("rate=2;status=500", "rate: expected a fraction"),
        ("tool=f:[1]", "tool: expected name:{json}"),
        ("usage=all", "usage: expected none"),
        ("keepalive=0", "keepalive: expected more than 0"),
        ("n=0", "n: expected a whole number from 1 to 128"),
        ("@x", "unknown script `@x`: no script has a name here"),
    ];
    for (script, expected) in cases {
        let error = Scripts::default().find(script).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{script}: {error}");
    }
}

#[test]
fn named_scripts_are_found_by_name_and_missed_by_closeness() {
    let mut scripts = Scripts::default();
    scripts.insert("slow", "tokens=64;pace=200ms").unwrap();
    assert!(scripts.find("@slow").is_ok());
    let error = scripts.find("@slw").unwrap_err().to_string();
    assert_eq!(error, "unknown script `@slw`; closest: slow");
    let error = scripts.insert("bad", "nope").unwrap_err().to_string();
    assert!(
        error.starts_with("script `bad`: unknown script `nope`"),
        "{error}"
    );
    assert_eq!(scripts.names().collect::<Vec<_>>(), ["slow"]);
}

#[test]
fn any_mix_of_keys_is_refused_or_plays_to_its_end() {
    let parts = [
        "echo",
        "text=a b%3B",
        "tokens=0",
        "tokens=3",
        "refusal=no",
        "reasoning=2",
        "tool=f",
        "n=2",
        "tool=g:{\"a\":\"\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\"}",
        "usage=none",
        "finish=",
        "ttft=1ms",
        "pace=1us",
        "jitter=1us",
        "chunk=1",
        "keepalive=1us",
        "status=204",
        "status=302",
        "body=html",
        "body=empty",
        "retry_after=0",
        "error=quota",
        "cut=fin",
        "cut=rst",
        "cut=chunk",
        "stall=3us",
        "garbage",
        "at=0",
        "at=2",
        "at=head",
        "at=4294967295",
        "times=1",
        "rate=0.5",
        "%",
        "=",
        "text=%",
        "\u{0}",
    ];
    let mut seed = 1u64;
    let mut pick = |bound: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % bound
    };
    let mut played = 0;
    for _ in 0..20_000 {
        let chosen: Vec<_> = (0..1 + pick(5)).map(|_| parts[pick(parts.len())]).collect();
        let script = chosen.join(";");
        let Ok(found) = Scripts::default().find(&script) else {
            continue;
        };
        played += 1;
        for dialect in [Dialect::OpenaiChat, Dialect::Anthropic] {
            for stream in [false, true] {
                let reply = answer(&found, &ask(dialect, &script, stream), TURN);
                let length = reply.length;
                let mut now = reply.head_at;
                let mut steps = 0;
                let mut bytes = 0;
                for step in reply.body {
                    steps += 1;
                    assert!(steps < 100_000, "{script}");
                    match step {
                        Step::Until(time) => {
                            assert!(std::mem::replace(&mut now, time) < time, "{script}")
                        }
                        Step::Bytes(piece) => bytes += piece.len(),
                        Step::Cut(_) => {}
                    }
                }
                assert_eq!(length.unwrap_or(bytes), bytes, "{script}");
            }
        }
    }
    assert!(played > 4_000, "{played}");
}
