//! What documents say of this program is so: the scripts of `docs/mock.md` are scripts, `docs/providers.md` lists every row.
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

/// `docs/providers.md` is what `libllm providers --markdown` prints: run it again after a change of the rows.
#[test]
fn every_row_is_documented_as_it_is() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/providers.md");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_libllm"))
        .args(["providers", "--markdown"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(std::fs::read_to_string(file).unwrap(), printed);
    for row in libllm_proto::provider::rows() {
        assert!(printed.contains(&format!("| `{}` |", row.id)), "{}", row.id);
    }
}
