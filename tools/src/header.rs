//! `header`: include/llm.h out of ffi/src. cbindgen reads the Rust; `tidy` lays its text out; `sections` orders the functions.

mod sections;
mod tidy;

use std::fs;
use std::path::Path;

/// Where the header lives, from the root of the workspace.
pub(crate) const PLACE: &str = "include/llm.h";

/// A header that a person reads in one sitting: the limit that the project has set itself.
const SIZE_MAX: usize = 30 * 1024;

/// Writes the header to `file`; says so, and what is missing in it.
pub(crate) fn write(root: &Path, file: &Path) -> Result<String, String> {
    let header = generate(root)?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::write(file, &header.text).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut said = format!(
        "{}: {} bytes, {} functions",
        file.display(),
        header.text.len(),
        header.functions
    );
    for name in &header.missing {
        said.push_str(&format!("\n  not in ffi/src yet: {name}"));
    }
    Ok(said)
}

/// Fails unless the committed header is what ffi/src says now, whole, and small enough.
pub(crate) fn check(root: &Path) -> Result<String, String> {
    let header = generate(root)?;
    let place = root.join(PLACE);
    let committed = fs::read_to_string(&place)
        .map_err(|error| format!("{PLACE}: {error}; run `make header`"))?;
    if let Some((line, was, now)) = first_difference(&committed, &header.text) {
        return Err(format!(
            "{PLACE}:{line}: out of date, run `make header`\n  committed: {was}\n  ffi/src:   {now}"
        ));
    }
    if !header.missing.is_empty() {
        return Err(format!(
            "{PLACE}: promised by tools/src/header/sections.rs, absent from ffi/src: {:?}",
            header.missing
        ));
    }
    if header.text.len() > SIZE_MAX {
        return Err(format!(
            "{PLACE}: {} bytes, more than {SIZE_MAX}",
            header.text.len()
        ));
    }
    Ok(format!(
        "{PLACE}: up to date, {} bytes, {} functions",
        header.text.len(),
        header.functions
    ))
}

/// Names of the functions that a header declares, in its order.
pub(crate) fn functions(header: &str) -> Vec<String> {
    tidy::Parts::of(header)
        .map(|parts| parts.functions.into_iter().map(|f| f.name).collect())
        .unwrap_or_default()
}

struct Header {
    text: String,
    functions: usize,
    missing: Vec<&'static str>,
}

fn generate(root: &Path) -> Result<Header, String> {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let bindings = cbindgen::generate_with_config(root.join("ffi"), config)
        .map_err(|error| format!("cbindgen: {error}"))?;
    let mut raw = Vec::new();
    bindings.write(&mut raw);
    let raw = String::from_utf8(raw).map_err(|error| format!("cbindgen: {error}"))?;
    let parts = tidy::Parts::of(&raw)?;
    let functions = parts.functions.len();
    let ordered = sections::order(parts.functions)?;
    Ok(Header {
        text: tidy::render(&parts.types, &ordered.blocks),
        functions,
        missing: ordered.missing,
    })
}

fn first_difference(was: &str, now: &str) -> Option<(usize, String, String)> {
    if was == now {
        return None;
    }
    let (mut old, mut new) = (was.lines(), now.lines());
    let mut line = 0;
    loop {
        line += 1;
        match (old.next(), new.next()) {
            (None, None) => return Some((line, "(line ends differ)".into(), String::new())),
            (a, b) if a == b => {}
            (a, b) => {
                return Some((
                    line,
                    a.unwrap_or("(end)").into(),
                    b.unwrap_or("(end)").into(),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_first_line_that_differs() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(
            first_difference("a\nb\n", "a\nc\n"),
            Some((2, "b".into(), "c".into()))
        );
        assert_eq!(
            first_difference("a\n", "a\nb\n"),
            Some((2, "(end)".into(), "b".into()))
        );
        assert!(first_difference("a", "a\n").is_some());
    }
}
