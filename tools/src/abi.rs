//! `abi`: what compiled callers rely on, as the C compiler sees it, held against the committed ffi/llm.abi.
//!
//! Sizes, offsets and values come from a program that includes the header and prints them; names and signatures from the header's text.

mod read;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::header;

/// The committed snapshot, from the root of the workspace.
const PLACE: &str = "ffi/llm.abi";

const HEAD: &str = "# What a program compiled against include/llm.h relies on, on a 64-bit target. `make header` adds what is new, `make check` compares.\n\
                    # A line that changes or goes breaks compiled programs: LLM_ABI_VERSION must grow with it.\n";

/// Fails unless the committed snapshot is what the header says now.
pub(crate) fn check(root: &Path) -> Result<String, String> {
    let now = snapshot(root)?;
    let was = fs::read_to_string(root.join(PLACE))
        .map_err(|error| format!("{PLACE}: {error}; run `make header`"))?;
    match compare(&was, &now) {
        Change::None => Ok(format!("{PLACE}: {} facts, unchanged", lines(&now).count())),
        Change::Grown(new) => Err(format!(
            "{PLACE}: out of date, run `make header`; new:\n{}",
            indented(&new)
        )),
        Change::Broken(gone) => Err(broken(&gone)),
    }
}

/// Writes the snapshot if it has only grown since, or if the ABI has a new number.
pub(crate) fn write(root: &Path) -> Result<String, String> {
    let now = snapshot(root)?;
    let place = root.join(PLACE);
    let was = fs::read_to_string(&place).unwrap_or_default();
    if !was.is_empty()
        && let Change::Broken(gone) = compare(&was, &now)
    {
        return Err(broken(&gone));
    }
    fs::write(&place, &now).map_err(|error| format!("{PLACE}: {error}"))?;
    Ok(format!("{PLACE}: {} facts", lines(&now).count()))
}

#[derive(Debug, PartialEq)]
enum Change {
    None,
    /// Compiled programs go on; these are new.
    Grown(Vec<String>),
    /// Compiled programs would break; these have changed or gone.
    Broken(Vec<String>),
}

fn compare(was: &str, now: &str) -> Change {
    let old: BTreeSet<&str> = lines(was).collect();
    let new: BTreeSet<&str> = lines(now).collect();
    let gone: Vec<&str> = old.difference(&new).copied().collect();
    let come: Vec<String> = new
        .difference(&old)
        .map(|line| (*line).to_owned())
        .collect();
    let renumbered = gone.iter().any(|line| line.starts_with("abi "));
    let broken: Vec<String> = gone
        .iter()
        .filter(|line| !renumbered && !grown(line, &new))
        .map(|line| (*line).to_owned())
        .collect();
    match (broken.is_empty(), gone.is_empty() && come.is_empty()) {
        (false, _) => Change::Broken(broken),
        (true, true) => Change::None,
        (true, false) => Change::Grown(come),
    }
}

/// A struct that tells its own size may become larger: callers say which one they know.
fn grown(line: &str, now: &BTreeSet<&str>) -> bool {
    let Some((name, size)) = size_of(line) else {
        return false;
    };
    let tells = format!("struct {name} struct_size offset 0 size 4");
    now.contains(tells.as_str())
        && now
            .iter()
            .filter_map(|other| size_of(other))
            .any(|(other, larger)| other == name && larger > size)
}

/// Name and bytes in `struct NAME size N`.
fn size_of(line: &str) -> Option<(&str, u64)> {
    let (name, size) = line.strip_prefix("struct ")?.split_once(" size ")?;
    (!name.contains(' ')).then_some((name, size.parse().ok()?))
}

fn broken(gone: &[String]) -> String {
    format!(
        "{PLACE}: the binary interface is broken; put it back, or raise LLM_ABI_VERSION (ffi/src/version.rs, ffi/build.rs) and run `make header`. Changed or gone:\n{}",
        indented(gone)
    )
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn indented(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

fn snapshot(root: &Path) -> Result<String, String> {
    let text = fs::read_to_string(root.join(header::PLACE))
        .map_err(|error| format!("{}: {error}", header::PLACE))?;
    let facts = read::Facts::of(&text)?;
    let mut snapshot = HEAD.to_owned();
    snapshot.push_str(&measured(root, &facts)?);
    for line in &facts.signatures {
        snapshot.push_str(line);
        snapshot.push('\n');
    }
    Ok(snapshot)
}

/// What only a compiler knows: compiles and runs a program that prints it.
fn measured(root: &Path, facts: &read::Facts) -> Result<String, String> {
    let folder = env::temp_dir().join(format!("libllm-abi-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let printed = printed(root, facts, &folder);
    // A temporary folder that stays behind is no reason to fail.
    let _ = fs::remove_dir_all(&folder);
    printed
}

fn printed(root: &Path, facts: &read::Facts, folder: &Path) -> Result<String, String> {
    let (source, program) = (folder.join("abi.c"), folder.join("abi"));
    fs::write(&source, facts.program())
        .map_err(|error| format!("{}: {error}", source.display()))?;
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut compile = Command::new(&compiler);
    compile
        .arg("-std=c11")
        .arg("-I")
        .arg(root.join("include"))
        .arg(&source)
        .arg("-o")
        .arg(&program);
    output(&mut compile, &compiler)?;
    output(&mut Command::new(&program), "the program that measures")
}

fn output(command: &mut Command, name: &str) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: {}: {}", output.status, said.trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAS: &str = "# head\nabi 1\nstruct a size 16\nstruct a struct_size offset 0 size 4\nstruct b size 8\nenum e X 1\n";

    fn change(from: &str, to: &str) -> Change {
        let now = WAS.replace(from, to);
        assert_ne!(now, WAS);
        compare(WAS, &now)
    }

    #[test]
    fn what_is_added_is_growth() {
        assert_eq!(compare(WAS, WAS), Change::None);
        assert_eq!(
            compare(WAS, &WAS.replace("# head", "# other")),
            Change::None
        );
        assert_eq!(
            change("enum e X 1\n", "enum e X 1\nenum e Y 2\n"),
            Change::Grown(vec!["enum e Y 2".into()])
        );
    }

    #[test]
    fn only_structs_that_tell_their_size_grow() {
        assert_eq!(
            change("a size 16", "a size 24"),
            Change::Grown(vec!["struct a size 24".into()])
        );
        assert!(matches!(
            change("a size 16", "a size 12"),
            Change::Broken(_)
        ));
        assert!(matches!(change("b size 8", "b size 16"), Change::Broken(_)));
    }

    #[test]
    fn a_new_number_excuses_everything() {
        assert!(matches!(change("X 1", "X 2"), Change::Broken(_)));
        assert!(matches!(
            change(
                "abi 1\nstruct a size 16\nstruct a struct_size offset 0 size 4\n",
                "abi 2\n"
            ),
            Change::Grown(_)
        ));
    }
}
