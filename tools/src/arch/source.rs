//! A Rust file as rules see it: the same text with comments, strings and test modules blanked, so that a word in prose never
//! counts as a use. A lexer of three states is enough; nothing here parses Rust.

/// One file, its text as written and its code.
pub(crate) struct Source {
    /// Path from the root of the workspace.
    pub(crate) place: String,
    /// As written.
    pub(crate) text: String,
    /// Comments and string contents replaced by spaces; line ends stay.
    pub(crate) code: String,
    /// `code` without items under `#[cfg(test)]`.
    pub(crate) shipped: String,
}

impl Source {
    pub(crate) fn new(place: &str, text: &str) -> Source {
        let code = blank(text);
        let shipped = if is_tests(place) {
            String::new()
        } else {
            without_tests(&code)
        };
        Source {
            place: place.to_owned(),
            text: text.to_owned(),
            code,
            shipped,
        }
    }

    /// Whether the file belongs to the code that users run: not a test, an example, a benchmark or a build script.
    pub(crate) fn is_product(&self) -> bool {
        self.place.split('/').nth(1) == Some("src") && !self.place.starts_with("bench/")
    }
}

/// Names and punctuation of one line, in order: `a::b(c)` is `a`, `::`, `b`, `(`, `c`, `)`.
pub(crate) fn tokens(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let size = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") || rest.starts_with("==") || rest.starts_with("!=") {
            2
        } else {
            first.len_utf8()
        };
        found.push(&rest[..size]);
        rest = rest[size..].trim_start();
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Replaces comments and the insides of strings and characters by spaces.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (size, keep) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), 0),
            '/' if rest.starts_with("/*") => (block_comment(rest), 0),
            '"' => (1 + string(&rest[1..]), 1),
            'r' | 'b' | 'c' if !out.ends_with(is_word) => match raw_string(rest) {
                Some(size) => (size, 1),
                None => (1, 1),
            },
            '\'' => match character(rest) {
                Some(size) => (size, 1),
                None => (1, 1),
            },
            c => (c.len_utf8(), c.len_utf8()),
        };
        out.push_str(&rest[..keep]);
        for c in rest[keep..size].chars() {
            out.push(if c == '\n' { '\n' } else { ' ' });
        }
        rest = &rest[size..];
    }
    out
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of a string's inside with its closing quote.
fn string(inside: &str) -> usize {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    inside.len()
}

/// `r"…"`, `r#"…"#`, `br…`, `cr…`: no escapes, as many `#` behind as before.
fn raw_string(text: &str) -> Option<usize> {
    let start = text
        .strip_prefix(['b', 'c'])
        .unwrap_or(text)
        .strip_prefix('r')?;
    let hashes = start.len() - start.trim_start_matches('#').len();
    let inside = start[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inside
        .find(&close)
        .map_or(inside.len(), |at| at + close.len());
    Some(text.len() - inside.len() + end)
}

/// A character literal; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inside = &text[1..];
    if let Some(escape) = inside.strip_prefix('\\') {
        let mark = escape.chars().next()?;
        let body = &escape[mark.len_utf8()..];
        return body.find('\'').map(|at| 2 + mark.len_utf8() + at + 1);
    }
    let c = inside.chars().next()?;
    inside[c.len_utf8()..]
        .starts_with('\'')
        .then_some(1 + c.len_utf8() + 1)
}

/// A file of tests beside what it tests: `queue/tests.rs`, `queue/races.rs` for loom, or a folder `tests`.
fn is_tests(place: &str) -> bool {
    place.ends_with("/tests.rs") || place.ends_with("/races.rs") || place.contains("/tests/")
}

/// Blanks every item that stands under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let size = item(&rest[at..]);
        out.extend(
            rest[at..at + size]
                .chars()
                .map(|c| if c == '\n' { '\n' } else { ' ' }),
        );
        rest = &rest[at + size..];
    }
    out.push_str(rest);
    out
}

/// Length of an item that starts here: to its `;`, or to the brace that closes its first one.
pub(crate) fn item(code: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in code.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_and_strings_are_no_code() {
        let source = Source::new(
            "core/src/a.rs",
            "// tokio::spawn\nlet a = \"tokio \\\" x\"; /* hyper /* x */ y */ let b = r#\"a \" tokio\"#;\n",
        );
        assert!(
            !source.code.contains("tokio") && !source.code.contains("hyper"),
            "{}",
            source.code
        );
        assert!(source.code.contains("let b"));
        assert_eq!(source.code.lines().count(), source.text.lines().count());
    }

    #[test]
    fn characters_and_lifetimes_do_not_open_strings() {
        let source = Source::new(
            "a.rs",
            "fn f<'a>(x: &'a str) { match c { '\"' => tokio(), '\\'' => b'\"', '\\u{1F600}' => y } }",
        );
        assert!(
            source.code.contains("tokio()") && source.code.contains("=> y"),
            "{}",
            source.code
        );
    }

    #[test]
    fn test_items_are_not_shipped() {
        let source = Source::new(
            "a.rs",
            "use a;\n#[cfg(test)]\nmod tests {\n  fn f() { tokio(); }\n}\nfn g() {}\n#[cfg(test)]\nuse b;\nuse c;\n",
        );
        assert!(!source.shipped.contains("tokio") && !source.shipped.contains("use b"));
        assert!(source.shipped.contains("fn g() {}") && source.shipped.contains("use c;"));
    }

    #[test]
    fn files_of_tests_are_not_shipped() {
        for place in ["core/src/log/tests.rs", "core/src/queue/races.rs"] {
            assert_eq!(Source::new(place, "use tokio::time;").shipped, "");
        }
        assert_ne!(
            Source::new("core/src/log.rs", "use tokio::time;").shipped,
            ""
        );
    }

    #[test]
    fn lines_fall_into_tokens() {
        assert_eq!(
            tokens("use crate::wire::{a};"),
            ["use", "crate", "::", "wire", "::", "{", "a", "}", ";"]
        );
    }
}
