//! `symbols`: a shared library must export what include/llm.h declares, and nothing else.

use crate::header;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Compares `nm -D` of a library with the header's functions.
pub(crate) fn check(root: &Path, library: &Path) -> Result<String, String> {
    let text = fs::read_to_string(root.join(header::PLACE))
        .map_err(|error| format!("{}: {error}", header::PLACE))?;
    let declared: BTreeSet<String> = header::functions(&text).into_iter().collect();
    let listed = Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(library)
        .output()
        .map_err(|error| format!("nm: {error}"))?;
    if !listed.status.success() {
        return Err(format!(
            "nm: {}",
            String::from_utf8_lossy(&listed.stderr).trim()
        ));
    }
    let exported = exported(&String::from_utf8_lossy(&listed.stdout));
    compare(&declared, &exported).map_err(|why| format!("{}: {why}", library.display()))?;
    Ok(format!(
        "{}: exports the {} functions of {} and nothing else",
        library.display(),
        exported.len(),
        header::PLACE
    ))
}

/// Names in `nm`'s list, without the version that a linker script gives them (`llm_invoke@@LIBLLM_1`).
fn exported(listing: &str) -> BTreeSet<String> {
    listing
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().rev();
            let name = words.next()?;
            // Kind `A` is the version node itself.
            (words.next()? != "A").then(|| name.split('@').next().unwrap_or(name).to_owned())
        })
        .collect()
}

fn compare(declared: &BTreeSet<String>, exported: &BTreeSet<String>) -> Result<(), String> {
    let lacking: Vec<&String> = declared.difference(exported).collect();
    let stray: Vec<&String> = exported.difference(declared).collect();
    match (lacking.is_empty(), stray.is_empty()) {
        (true, true) => Ok(()),
        _ => Err(format!(
            "declared but not exported: {lacking:?}; exported but not declared: {stray:?}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn reads_nm_with_and_without_versions() {
        let listing = "0000000000000000 A LIBLLM_1\n00000000000a1b2c T llm_invoke@@LIBLLM_1\n00000000000a1b2d T llm_version\n";
        assert_eq!(exported(listing), set(&["llm_invoke", "llm_version"]));
    }

    #[test]
    fn tells_what_lacks_and_what_strays() {
        assert!(compare(&set(&["a"]), &set(&["a"])).is_ok());
        let why = compare(&set(&["a"]), &set(&["b"])).unwrap_err();
        assert!(
            why.contains("not exported: [\"a\"]") && why.contains("not declared: [\"b\"]"),
            "{why}"
        );
    }
}
