//! `libllm simulate`: the scenarios of `examples/simulate` run, and print what they come to.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn simulate(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_libllm"))
        .arg("simulate")
        .args(words)
        .output()
        .unwrap()
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/simulate")
}

#[test]
fn every_scenario_runs_and_says_the_same_twice() {
    let mut count = 0;
    for file in std::fs::read_dir(examples()).unwrap() {
        let path = file.unwrap().path();
        let words = [path.to_str().unwrap(), "--scale", "0.002"];
        let said = |output: Output| {
            assert!(output.status.success(), "{output:?}");
            let text = String::from_utf8(output.stdout).unwrap();
            // But for how long it took.
            text.rsplit_once("\n\n").unwrap().0.to_owned()
        };
        let once = said(simulate(&words));
        assert!(
            once.contains("ttft p50") && once.contains("share of attempts"),
            "{once}"
        );
        assert_eq!(once, said(simulate(&words)));
        count += 1;
    }
    assert!(count >= 6, "{count}");
}

#[test]
fn a_picture_is_drawn_when_asked_for() {
    let path = examples().join("mixed.toml");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let svg = folder.join("mixed.svg");
    let words = [
        path.to_str().unwrap(),
        "--scale=0.01",
        "--svg",
        svg.to_str().unwrap(),
    ];
    assert!(simulate(&words).status.success());
    let picture = std::fs::read_to_string(svg).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert!(picture.contains("round robin") && picture.matches("<path").count() >= 8);
}

#[test]
fn what_is_wrong_is_said() {
    let path = examples().join("none.toml");
    for (words, status, said) in [
        (&[][..], 2, "expected a scenario's file"),
        (
            &["x.toml", "--scale", "0"],
            2,
            "--scale: expected a number above 0",
        ),
        (&[path.to_str().unwrap()], 1, "none.toml"),
    ] {
        let output = simulate(words);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{text}");
        assert!(text.contains(said), "{text}");
    }
}
