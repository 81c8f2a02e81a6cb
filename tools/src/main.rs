//! The project's own machinery: what `make header` and `make check` run that no ready-made tool does.
#![forbid(unsafe_code)]

mod abi;
mod arch;
mod header;
mod symbols;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: libllm-tools header [--check] [--out FILE] | abi [--check] | arch | symbols LIBRARY

  header   writes include/llm.h from ffi/src; with --check only says whether it is up to date
  abi      writes ffi/llm.abi from include/llm.h, unless that broke compiled programs; with --check only compares
  arch     checks the rules of ARCHITECTURE.md and STYLE.md that no compiler checks
  symbols  checks that LIBRARY exports the functions of include/llm.h and nothing else";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = root().and_then(|root| run(&root, &words));
    match outcome {
        Ok(said) => {
            say(&mut std::io::stdout(), &said);
            ExitCode::SUCCESS
        }
        Err(why) => {
            say(&mut std::io::stderr(), &why);
            ExitCode::FAILURE
        }
    }
}

fn run(root: &Path, words: &[&str]) -> Result<String, String> {
    match words {
        ["header"] => header::write(root, &root.join(header::PLACE)),
        ["header", "--out", file] => header::write(root, Path::new(file)),
        ["header", "--check"] => header::check(root),
        ["abi"] => abi::write(root),
        ["abi", "--check"] => abi::check(root),
        ["arch"] => arch::check(root),
        ["symbols", library] => symbols::check(root, Path::new(library)),
        _ => Err(USAGE.to_owned()),
    }
}

/// The workspace: the nearest folder upwards that holds cbindgen.toml.
fn root() -> Result<PathBuf, String> {
    let here = env::current_dir().map_err(|error| format!("no current folder: {error}"))?;
    here.ancestors()
        .find(|folder| folder.join("cbindgen.toml").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| format!("no cbindgen.toml in {} or above it", here.display()))
}

/// A closed pipe (`| head`) is no reason to fail.
fn say(to: &mut dyn std::io::Write, text: &str) {
    let _ = writeln!(to, "{}", text.trim_end());
}
