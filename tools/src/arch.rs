//! `arch`: the rules of ARCHITECTURE.md section 4 and STYLE.md that neither a compiler nor clippy checks.

mod manifest;
mod rules;
mod size;
mod source;
mod words;

use source::Source;
use std::fs;
use std::path::Path;

/// What is wrong, where, and which rule says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    place: String,
    line: usize,
    why: String,
}

impl Finding {
    fn new(place: &str, line: usize, why: impl Into<String>) -> Finding {
        Finding {
            place: place.to_owned(),
            line,
            why: why.into(),
        }
    }
}

/// Reads the whole tree; fails with one line per finding.
pub(crate) fn check(root: &Path) -> Result<String, String> {
    let mut files = Vec::new();
    walk(root, root, &mut files)?;
    files.sort_by(|a, b| a.place.cmp(&b.place));
    let sources: Vec<Source> = files
        .iter()
        .filter(|f| f.place.ends_with(".rs"))
        .map(|f| Source::new(&f.place, &f.text))
        .collect();
    let mut findings = rules::check(&sources);
    findings.extend(size::check(&sources));
    for file in &files {
        findings.extend(words::check(&file.place, &file.text));
        if file.place.ends_with("Cargo.toml") {
            findings.extend(manifest::check(&file.place, &file.text));
        }
    }
    let summary = format!("{} files, {}", files.len(), size::summary(&sources));
    if findings.is_empty() {
        return Ok(format!("architecture: {summary}: nothing to object to"));
    }
    let mut said = String::new();
    for finding in &findings {
        said.push_str(&format!(
            "{}:{}: {}\n",
            finding.place, finding.line, finding.why
        ));
    }
    Err(format!(
        "{said}architecture: {summary}: {} findings",
        findings.len()
    ))
}

struct File {
    /// Path from the root, with `/`.
    place: String,
    text: String,
}

/// Text files of the project. Binary files, what others generate and the test vectors are passed over.
fn walk(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            let passed = PASSED.contains(&name.as_str())
                || name.starts_with("target")
                || path.ends_with("tests/vectors");
            if !passed {
                walk(root, &path, files)?;
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let place = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .replace('\\', "/");
            files.push(File { place, text });
        }
    }
    Ok(())
}

const PASSED: &[&str] = &[".git", "node_modules", "__pycache__", "dist", "corpus"];
