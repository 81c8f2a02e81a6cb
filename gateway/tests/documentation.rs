//! The scripts of `docs/mock.md` are scripts.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use libllm_proto::mock::Script;

#[test]
fn every_example_is_a_script() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mock.md");
    let text = std::fs::read_to_string(file).unwrap();
    let (_, rest) = text.split_once("### Examples\n").unwrap();
    let (table, _) = rest.split_once("\n## ").unwrap();
    let examples: Vec<_> = (table.lines())
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(script, _)| script)
        .collect();
    assert!(examples.len() >= 9, "{examples:?}");
    for script in examples {
        Script::parse(script).unwrap_or_else(|error| panic!("{script}: {error}"));
    }
}
