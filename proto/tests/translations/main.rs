//! What survives between a caller's format and a provider's: every face towards callers against every wire, by running the code. The
//! page `docs/translations.md` says what was found; it is part of the test that it says the truth, and that nothing is lost in
//! silence. `UPDATE=1` writes it anew (`make generate`).
#![cfg(all(
    feature = "openai",
    feature = "responses",
    feature = "anthropic",
    feature = "cohere",
    feature = "ollama",
    feature = "gemini",
    feature = "bedrock"
))]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod answers;
mod asked;
mod errors;
mod loops;
mod provider;
mod requests;
#[path = "../support/mod.rs"]
mod support;

use libllm_proto::inbound::{self, Inbound};

/// How callers speak, and what their formats are called.
const FACES: [(&str, &str); 3] = [
    ("/v1/chat/completions", "Chat Completions"),
    ("/v1/messages", "Messages"),
    ("/v1/responses", "Responses"),
];

/// Every wire, and a model of it.
const WIRES: [(&str, &str); 13] = [
    ("openai_chat", "gpt-5-mini"),
    ("azure_openai", "gpt-5-mini"),
    ("openai_responses", "gpt-5-mini"),
    ("openai_completions", "gpt-3.5-turbo-instruct"),
    ("anthropic", "claude-sonnet-4-5"),
    ("vertex_anthropic", "claude-sonnet-4-5@20250929"),
    (
        "bedrock_invoke",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    (
        "bedrock_converse",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    ("gemini", "gemini-2.5-flash"),
    ("vertex", "gemini-2.5-flash"),
    ("cohere", "command-a-03-2025"),
    ("cohere_v1", "command-r-plus"),
    ("ollama", "llama3.2"),
];

fn face(path: &str) -> &'static dyn Inbound {
    inbound::of_path(path).unwrap()
}

/// A table: a heading over each wire, a line for each thing that can be said.
fn table(first: &str, rows: &[(String, Vec<&'static str>)]) -> String {
    let names: Vec<String> = WIRES.iter().map(|(wire, _)| format!("`{wire}`")).collect();
    let mut page = format!(
        "| {first} | {} |\n|---|{}\n",
        names.join(" | "),
        "---|".repeat(WIRES.len())
    );
    for (name, cells) in rows {
        page.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
    }
    page
}

#[test]
fn the_page_says_what_is_so() {
    let mut page = String::from(HEAD);
    page.push_str("\n## Requests\n");
    page.push_str(REQUESTS);
    for (path, name) in FACES {
        let rows = requests::rows(path);
        page.push_str(&format!("\n### {name}\n\n{}", table("asked for", &rows)));
    }
    page.push_str("\n## Answers\n");
    page.push_str(ANSWERS);
    for (path, name) in FACES {
        let rows = answers::rows(path);
        page.push_str(&format!("\n### {name}\n\n{}", table("answered", &rows)));
    }
    page.push_str("\n## Errors\n");
    page.push_str(ERRORS);
    for (path, name) in FACES {
        let rows = errors::rows(path);
        page.push_str(&format!("\n### {name}\n\n{}", table("refused", &rows)));
    }
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/translations.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(place, &page).unwrap();
    }
    let written = std::fs::read_to_string(place).unwrap_or_default();
    let differing = written
        .lines()
        .zip(page.lines())
        .find(|(was, is)| was != is);
    assert!(
        written == page,
        "docs/translations.md is stale, `make generate` writes it; the first difference: {differing:?}"
    );
}

const HEAD: &str = "\
# What survives between formats

<!-- Written by `make generate`, from running the code: proto/tests/translations. Not to be edited. -->

A caller speaks Chat Completions, Messages or Responses; a provider speaks its own wire. Where the two are the same the request passes
as it came, byte for byte but for what routing changes, and so does the answer (`inbound::routed`): these tables say what becomes of a
request that is **read and said again**, which is what happens between any two that differ, and to Chat Completions of this library's own
callers. Every cell was found by asking: the caller's request, read by its face, said by the wire, with the member and without it; the
provider's scripted answer, read by the wire, written by the face, and read again as a client of that format reads it.
";

const REQUESTS: &str = "
- **yes**: the request to the provider says it.
- **converted**: it is said in other words or near enough, and `dropped` of the answer reports how.
- **dropped**: the format has no place for it. It is left out and reported; with `unsupported = \"error\"` the request is refused instead.
- **default**: what is asked for is what the provider does anyway.
- **refused**: the request cannot be put to this provider at all.

Nothing is lost in silence: a test fails if a member vanishes without a report, and each that is dropped is refused with `unsupported = \"error\"`.
";

const ANSWERS: &str = "
**yes**: the same, whole and streamed; **whole** or **stream**: only then; **no**: the caller's format has no place for it; empty: this wire's answers do not say it.
";

const ERRORS: &str = "
**yes**: the kind and the provider's words, read again as a client of the format reads its own; **words**: the provider's words, under another kind, because the format
has none for it; **in a stream**: the answer breaks off with an error behind its first text.
";
