//! Every dependency says why it is there (STYLE.md "Shape" 9).

use super::Finding;

/// A dependency needs a comment on its line or above it in the same block; one inherited from the workspace has it there.
pub(crate) fn check(place: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut inside, mut explained) = (false, false);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(table) = line.strip_prefix('[') {
            inside = table.trim_end_matches(']').ends_with("dependencies");
            explained = false;
        } else if line.is_empty() {
            explained = false;
        } else if line.starts_with('#') {
            explained = true;
        } else if inside && let Some((name, value)) = line.split_once('=') {
            let ours = value.contains("workspace = true")
                || name.contains(".workspace")
                || value.contains("path = ");
            if !(ours || explained || value.contains('#')) {
                let why = format!(
                    "dependency `{}` has no comment that says why it is there",
                    name.trim()
                );
                findings.push(Finding::new(place, number + 1, why));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let text = "[package]\nname = \"a\"\n[dependencies]\n# JSON.\nserde = \"1\"\nserde_json = \"1\"\n\nlibc = \"0.2\"\nhttp = { workspace = true }\n[dev-dependencies]\nrand = \"1\"\n";
        let found = check("a/Cargo.toml", text);
        assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [8, 11]);
        assert!(found[0].why.contains("`libc`"));
    }

    #[test]
    fn other_tables_are_not_dependencies() {
        assert_eq!(
            check(
                "Cargo.toml",
                "[profile.dev]\ndebug = 1\n[features]\na = []\n"
            ),
            []
        );
    }
}
