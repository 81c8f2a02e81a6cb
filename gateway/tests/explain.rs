//! `libllm explain`: the route that a request would take.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

const CONFIG: &str = r#"
[models.m]
targets = [{ model = "mock/text=a", price = { input = 3, output = 15 } }, { model = "mock/text=b", price = { input = 1, output = 5 } }]
strategy = "cost"
fallbacks = { any = ["mock/echo"] }
"#;

fn explain(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_libllm"))
        .arg("explain")
        .args(words)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn tells_the_route_of_a_model_and_of_a_request() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (config, request) = (folder.join("explain.toml"), folder.join("explain.json"));
    std::fs::write(&config, CONFIG).unwrap();
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    std::fs::write(&request, body).unwrap();
    let (config, request) = (config.to_str().unwrap(), request.to_str().unwrap());
    for words in [&["-m", "m"][..], &[request]] {
        let output = explain(&[words, &["--config", config]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines: Vec<Vec<&str>> = text(&output.stdout)
            .lines()
            .map(|line| line.split_whitespace().take(4).collect())
            .collect();
        assert_eq!(lines[1], ["mock/text=b", "cost", "strategy", "-"]);
        assert_eq!(lines[2], ["mock/text=a", "cost", "strategy", "-"]);
        assert_eq!(lines[3], ["mock/echo", "order", "fallback", "any"]);
    }
    let output = explain(&["-m", "m", "--config", config, "--json"]);
    let route: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(route["candidates"][0]["price"]["output"], 5);
    assert_eq!(route["libllm"], serde_json::Value::Null);
}

#[test]
fn says_what_is_wrong() {
    let output = explain(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("-m MODEL"));
    let output = explain(&["-m", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("nowhere"));
}
