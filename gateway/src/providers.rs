//! `libllm providers`: the services this build knows, as a table for people, or as the page of the documentation.

use libllm_proto::provider::{Auth, Row, Verified, rows};

use crate::arguments::{Arguments, Usage};

pub(crate) const HELP: &str = "\
usage: libllm providers [--markdown]

Lists every built-in row: its id (what stands before the `/` in `provider/model`), wire, where the key goes, the variables
that may hold it, how the row was verified, and its base URL.

  --markdown  the page docs/providers.md
";

/// How to list.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    markdown: bool,
}

impl Options {
    /// Reads the command's options; `None` asks for help.
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Option<Options>, Usage> {
        let mut options = Options { markdown: false };
        while let Some(option) = arguments.option(&["--markdown", "--help", "-h"])? {
            match option {
                "--markdown" => options.markdown = true,
                _ => return Ok(None),
            }
        }
        Ok(Some(options))
    }
}

/// The listing.
pub(crate) fn listing(options: &Options) -> String {
    match options.markdown {
        true => page(rows()),
        false => table(rows()),
    }
}

fn table(rows: &[Row]) -> String {
    let head = ["ID", "WIRE", "AUTH", "KEY", "VERIFIED", "BASE URL"].map(String::from);
    let lines: Vec<[String; 6]> = std::iter::once(head)
        .chain(rows.iter().map(cells))
        .collect();
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max();
    let widths: Vec<usize> = (0..6)
        .map(|column| width(column).unwrap_or_default())
        .collect();
    let mut out = String::new();
    for line in &lines {
        let padded = line.iter().zip(&widths);
        let padded: Vec<String> = padded
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        out.push_str(padded.join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn cells(row: &Row) -> [String; 6] {
    let wire = match row.wire() {
        Ok(_) => row.wire.to_owned(),
        Err(_) => format!("{} (not in this build)", row.wire),
    };
    [
        row.id.to_owned(),
        wire,
        row.auth.to_string(),
        key(row, ""),
        row.verified.name().to_owned(),
        row.base_url.to_owned(),
    ]
}

fn page(rows: &[Row]) -> String {
    let count = |verified| rows.iter().filter(|row| row.verified == verified).count();
    let mut out = format!(
        "<!-- Printed by `libllm providers --markdown` from proto/data/providers.toml; a test compares. -->
# Providers

{} rows. The id stands before the `/` in `provider/model`. A row is used as soon as one of its variables is set; a server of your own
needs no key. `[providers.ID]` in the configuration changes a row or adds one ([configuration](config.md)); a service that speaks a known
wire needs nothing else.

How each row was verified:

- **recording** ({}): answers of the service were recorded, and every one of them is read right (`make conformance`).
- **documents** ({}): the service's own documents, repository or client were read in November 2026 (the link is what was read); no answer of
  it was recorded.
- **listed** ({}): place and variable are what public lists of providers and programs that use the service say; no page of its own that
  could be had says as much. Tell us when one is wrong.

| id | service | wire | key | base URL | verified |
|---|---|---|---|---|---|
",
        rows.len(),
        count(Verified::Recording),
        count(Verified::Documents),
        count(Verified::Listed)
    );
    for row in rows {
        let (key, auth) = (key(row, "`"), &row.auth);
        let place = match row.auth {
            Auth::Bearer | Auth::None => key,
            _ => format!("{key} ({auth})"),
        };
        out.push_str(&format!(
            "| `{}` | [{}]({}) | {} | {place} | `{}` | {} |\n",
            row.id,
            row.name,
            row.docs,
            row.wire,
            row.base_url,
            row.verified.name()
        ));
    }
    out
}

fn key(row: &Row, quote: &str) -> String {
    let names = row.key_env.iter();
    let names: Vec<String> = names.map(|name| format!("{quote}{name}{quote}")).collect();
    match (names.is_empty(), row.key_optional) {
        (true, _) => "-".to_owned(),
        (false, true) => format!("{}, if wanted", names.join(", ")),
        (false, false) => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_line() {
        let text = listing(&Options { markdown: false });
        assert_eq!(text.lines().count(), rows().len() + 1);
        let openai = text.lines().find(|line| line.starts_with("openai "));
        let words: Vec<&str> = openai.unwrap_or_default().split_whitespace().collect();
        let expected = [
            "openai",
            "openai_chat",
            "bearer",
            "OPENAI_API_KEY",
            "recording",
            "https://api.openai.com/v1",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn options_are_few() {
        let parse = |words: &[&str]| Options::parse(Arguments::of(words));
        assert_eq!(parse(&[]), Ok(Some(Options { markdown: false })));
        assert_eq!(parse(&["--markdown"]), Ok(Some(Options { markdown: true })));
        assert_eq!(parse(&["--help"]), Ok(None));
        assert!(parse(&["--json"]).is_err());
    }
}
