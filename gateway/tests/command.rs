//! The command line of `libllm`.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output};

fn libllm(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_libllm"))
        .args(words)
        .output()
        .unwrap()
}

fn complaint(words: &[&str]) -> (Option<i32>, String) {
    let output = libllm(words);
    assert!(
        output.stdout.is_empty(),
        "nothing for a script to mistake for an address"
    );
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn help_goes_to_standard_output() {
    for words in [
        &["--help"][..],
        &["help"],
        &["mock", "--help"],
        &["mock", "-h"],
    ] {
        let output = libllm(words);
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{words:?}"
        );
        assert!(output.stdout.starts_with(b"usage: libllm"), "{words:?}");
    }
    assert!(libllm(&["--version"]).stdout.starts_with(b"libllm "));
}

#[test]
fn wrong_calls_are_refused_with_what_was_meant() {
    let (status, text) = complaint(&["mok"]);
    assert_eq!(status, Some(2));
    assert!(
        text.contains("unknown command `mok`; closest: mock"),
        "{text}"
    );
    let (status, text) = complaint(&["mock", "--script", "x"]);
    assert_eq!(
        (status, text.contains("closest: --scripts")),
        (Some(2), true),
        "{text}"
    );
    assert_eq!(complaint(&[]).0, Some(2));
    let (status, text) = complaint(&["mock", "--listen", "0.0.0.0:0"]);
    assert_eq!(
        (status, text.contains("--allow-remote")),
        (Some(2), true),
        "{text}"
    );
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let (status, text) = complaint(&["mock", "--scripts", "/nonexistent/scripts.toml"]);
    assert_eq!(status, Some(1));
    assert!(text.contains("/nonexistent/scripts.toml"), "{text}");
    let file = std::env::temp_dir().join(format!("libllm-bad-{}.toml", std::process::id()));
    std::fs::write(&file, "good = \"echo\"\nbad = \"tokns=1\"\n").unwrap();
    let (status, text) = complaint(&["mock", "--scripts", file.to_str().unwrap()]);
    assert_eq!(status, Some(1));
    assert!(text.contains("script `bad`: unknown key `tokns`"), "{text}");
    std::fs::write(&file, "a = 1\n").unwrap();
    assert_eq!(
        complaint(&["mock", "--scripts", file.to_str().unwrap()]).0,
        Some(1)
    );
    std::fs::remove_file(&file).unwrap();
    let (status, text) = complaint(&["mock", "--tls", "/nonexistent/c.pem", "/nonexistent/k.pem"]);
    assert_eq!(
        (status, text.contains("/nonexistent/c.pem")),
        (Some(1), true),
        "{text}"
    );
}
