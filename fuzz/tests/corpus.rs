//! Every input that is kept in tests/corpus is fed to its target once more, without a fuzzer.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use libllm_fuzz::{TARGETS, Target};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus")
}

/// Feeds each file of the target's folder; says how many there are, and which fail.
fn replay(name: &str, target: Target) -> (usize, Vec<String>) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(corpus().join(name))
        .unwrap_or_else(|error| panic!("tests/corpus/{name}: {error}"))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let fails = |path: &&PathBuf| {
        let data = std::fs::read(path).unwrap();
        catch_unwind(|| target(&data)).is_err()
    };
    let failed = files
        .iter()
        .filter(fails)
        .map(|path| path.display().to_string());
    (files.len(), failed.collect())
}

#[test]
fn every_kept_input_passes() {
    let mut failures = Vec::new();
    for (name, target) in TARGETS {
        let (count, failed) = replay(name, *target);
        assert!(count > 0, "{name} has no corpus");
        failures.extend(failed);
    }
    assert_eq!(failures, Vec::<String>::new());
}

#[test]
fn every_corpus_has_a_target() {
    for entry in std::fs::read_dir(corpus()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "README.md" {
            continue;
        }
        assert!(
            libllm_fuzz::find(&name).is_some(),
            "no target eats tests/corpus/{name}"
        );
    }
}

#[test]
fn nothing_is_too_short_to_be_eaten() {
    for (_, target) in TARGETS {
        for len in 0..6 {
            target(&b"\0\0\0\0\0\0"[..len]);
            target(&b"\xff\xff\xff\xff\xff\xff"[..len]);
        }
    }
}
