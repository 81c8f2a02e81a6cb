//! Sizes of files and functions, by STYLE.md "Shape" 2.

use super::Finding;
use super::source::{Source, item};

/// Above this a file explains itself in its first lines: a `//!` line that says `Long:` and why.
const FILE_MAX: usize = 600;
const FILE_REASON: &str = "Long:";
const FUNCTION_MAX: usize = 70;
/// ffi holds no logic: guard, conversion, one call, return.
const FFI_FUNCTION_MAX: usize = 40;

pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let lines = source.text.lines().count();
        let explained = source
            .text
            .lines()
            .take(12)
            .any(|line| line.starts_with("//!") && line.contains(FILE_REASON));
        if lines > FILE_MAX && !explained {
            let why = format!(
                "{lines} lines, more than {FILE_MAX}, and no `//! {FILE_REASON} why` at its head"
            );
            findings.push(Finding::new(&source.place, 1, why));
        }
        if source.is_product() {
            findings.extend(long_functions(source));
        }
    }
    findings
}

/// The median file, as it is printed.
pub(crate) fn summary(sources: &[Source]) -> String {
    let mut sizes: Vec<usize> = sources
        .iter()
        .map(|source| source.text.lines().count())
        .collect();
    sizes.sort_unstable();
    let median = sizes.get(sizes.len() / 2).copied().unwrap_or(0);
    format!(
        "{} of them Rust (median {median} lines, longest {})",
        sizes.len(),
        sizes.last().copied().unwrap_or(0)
    )
}

fn long_functions(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let max = if source.place.starts_with("ffi/") {
        FFI_FUNCTION_MAX
    } else {
        FUNCTION_MAX
    };
    let mut offset = 0;
    for (number, line) in source.shipped.split_inclusive('\n').enumerate() {
        let named = line
            .find("fn ")
            .filter(|at| *at == 0 || line[..*at].ends_with([' ', '(']));
        if let Some(at) = named {
            let body = &source.shipped[offset + at..];
            let lines = body[..item(body)].lines().count();
            if lines > max {
                let why = format!("a function of {lines} lines, more than {max}");
                findings.push(Finding::new(&source.place, number + 1, why));
            }
        }
        offset += line.len();
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_needs_a_reason() {
        let body = "//\n".repeat(FILE_MAX);
        let bare = Source::new("proto/src/a.rs", &format!("//! A.\n{body}"));
        let explained = Source::new(
            "proto/src/a.rs",
            &format!("//! A.\n//! Long: one table of the protocol.\n{body}"),
        );
        assert_eq!(check(&[bare]).len(), 1);
        assert_eq!(check(&[explained]), []);
    }

    #[test]
    fn a_long_function_is_found_where_it_begins() {
        let text = format!(
            "fn short() {{\n}}\npub(crate) fn long() {{\n{}}}\n",
            "    a();\n".repeat(FUNCTION_MAX)
        );
        let found = check(&[Source::new("core/src/a.rs", &text)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 3);
        assert_eq!(check(&[Source::new("core/tests/a.rs", &text)]), []);
    }

    #[test]
    fn the_median_is_told() {
        let sources = [
            Source::new("a.rs", "a\n"),
            Source::new("b.rs", "a\nb\n"),
            Source::new("c.rs", "a\nb\nc\n"),
        ];
        assert!(summary(&sources).contains("median 2 lines, longest 3"));
    }
}
