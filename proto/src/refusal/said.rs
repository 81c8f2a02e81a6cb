//! What an error body says, whatever its shape: OpenAI's and Anthropic's `error` object, a bare string, a top-level error, an
//! array around one, FastAPI's `detail`, a plain `message`.

use crate::error::Result;
use crate::json::{Cursor, Kind};

/// The parts of an error body.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The provider's own words.
    pub(super) message: Option<String>,
    /// Its `type`, or Google's `status`.
    pub(super) kind: Option<String>,
    /// Its `code`, as text.
    pub(super) code: Option<String>,
    /// Its `param`.
    pub(super) param: Option<String>,
    /// A number that is an HTTP status.
    pub(super) status: Option<u16>,
    /// Its own number for the request.
    pub(super) request_id: Option<String>,
    /// Whether the body was JSON at all.
    pub(super) is_json: bool,
    /// Whether a code of the provider's own says that it is about content.
    filtered: bool,
    lower: Vec<String>,
}

impl Said {
    /// Code, type and status in lower case, the most telling first.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.lower.iter().map(String::as_str)
    }

    /// What a header says of the type, unless the body did: `ValidationException:http://...`.
    pub(super) fn typed(&mut self, header: &str) {
        if self.kind.is_none() {
            self.kind = Some(exception(header).to_owned()).filter(|kind| !kind.is_empty());
            let kind = self.kind.iter().map(|kind| kind.to_ascii_lowercase());
            self.lower.extend(kind);
        }
    }

    fn finish(mut self) -> Said {
        self.lower = [&self.code, &self.kind]
            .into_iter()
            .flatten()
            .map(|word| word.to_ascii_lowercase())
            .collect();
        if self.filtered {
            self.lower.push("content_filter".to_owned());
        }
        self
    }
}

/// Reads a text that is known to be an error. A text that is no JSON is the message.
pub(super) fn refusal(body: &[u8]) -> Said {
    let Some(tree) = parse(body) else {
        return Said::default();
    };
    let mut said = Said {
        is_json: true,
        ..Said::default()
    };
    collect(&tree, &mut said);
    said.finish()
}

/// Reads a JSON text that is an error if it says so itself.
pub(super) fn in_band(json: &[u8]) -> Option<Said> {
    let tree = parse(json)?;
    is_error(&tree).then(|| {
        let mut said = Said {
            is_json: true,
            ..Said::default()
        };
        collect(&tree, &mut said);
        said.finish()
    })
}

/// A JSON value, as far as errors need it.
#[derive(Debug)]
enum Tree {
    Null,
    Text(String),
    Number(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// The last member of this name: of a key that comes twice the last value counts.
    fn get(&self, name: &str) -> Option<&Tree> {
        let Tree::Object(members) = self else {
            return None;
        };
        members
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    fn text(&self) -> Option<&str> {
        match self {
            Tree::Text(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Tree::Text(_))
    }

    fn says_nothing(&self) -> bool {
        match self {
            Tree::Null => true,
            Tree::Text(text) => text.is_empty(),
            Tree::Object(members) => members.is_empty(),
            Tree::List(items) => items.is_empty(),
            Tree::Number(_) => false,
        }
    }
}

fn parse(body: &[u8]) -> Option<Tree> {
    let mut cursor = Cursor::new(body);
    let tree = read(&mut cursor).ok()?;
    cursor.end().ok()?;
    Some(tree)
}

fn read(cursor: &mut Cursor<'_>) -> Result<Tree> {
    Ok(match cursor.kind()? {
        Kind::Null | Kind::Bool => {
            cursor.skip()?;
            Tree::Null
        }
        Kind::String => Tree::Text(cursor.string()?.owned()),
        Kind::Number => Tree::Number(String::from_utf8_lossy(cursor.number()?.text()).into_owned()),
        Kind::Array => {
            let mut items = Vec::new();
            cursor.array(|cursor| {
                items.push(read(cursor)?);
                Ok(())
            })?;
            Tree::List(items)
        }
        Kind::Object => {
            let mut members = Vec::new();
            cursor.object(|key, cursor| {
                members.push((String::from_utf8_lossy(key).into_owned(), read(cursor)?));
                Ok(())
            })?;
            Tree::Object(members)
        }
    })
}

fn is_error(tree: &Tree) -> bool {
    match tree {
        Tree::List(items) => items.first().is_some_and(is_error),
        Tree::Object(_) => {
            let says = |name| tree.get(name).and_then(Tree::text) == Some("error");
            says("type")
                || says("object")
                || tree.get("error").is_some_and(|error| !error.says_nothing())
        }
        _ => false,
    }
}

/// Takes what is not known yet from `tree`, inner objects first.
fn collect(tree: &Tree, said: &mut Said) {
    match tree {
        Tree::List(items) => {
            if let Some(first) = items.first() {
                collect(first, said);
            }
        }
        Tree::Object(_) => object(tree, said),
        Tree::Text(_) => said.message = said.message.take().or_else(|| words(tree)),
        Tree::Null | Tree::Number(_) => {}
    }
}

fn object(tree: &Tree, said: &mut Said) {
    for inner in ["error", "errors"] {
        if let Some(inner) = tree.get(inner) {
            collect(inner, said);
        }
    }
    if let Some(inner) = tree.get("base_resp") {
        base_resp(inner, said);
    }
    let words_of = |names: &[&str]| names.iter().find_map(|name| words(tree.get(name)?));
    let text = |name: &str| tree.get(name).and_then(Tree::text).map(str::to_owned);
    let more = words_of(&[
        "message",
        "detail",
        "msg",
        "details",
        "error_description",
        "Message",
    ]);
    said.message = match (said.message.take(), more) {
        // `"error": "Unauthorized"` is a heading of what stands beside it (Spring, Fastify, OAuth).
        (Some(title), Some(more)) if tree.get("error").is_some_and(Tree::is_text) => {
            Some(match more.contains(&title) || title.contains(&more) {
                true if more.len() > title.len() => more,
                true => title,
                false => format!("{title}: {more}"),
            })
        }
        (title, more) => title.or(more),
    };
    if said.kind.is_none() {
        let kind = text("type").filter(|kind| kind != "error");
        said.kind = kind
            .or_else(|| text("status"))
            .or_else(|| text("error_type"))
            .or_else(|| text("__type").map(|kind| exception(&kind).to_owned()));
    }
    if said.code.is_none() {
        said.code = tree.get("code").and_then(|code| match code {
            Tree::Number(number) => Some(number.clone()),
            code => code.text().map(str::to_owned),
        });
    }
    if said.param.is_none() {
        said.param = text("param");
    }
    if said.status.is_none() {
        said.status = ["code", "status", "status_code"].iter().find_map(|name| {
            let (Tree::Number(number) | Tree::Text(number)) = tree.get(name)? else {
                return None;
            };
            number
                .parse()
                .ok()
                .filter(|status| (100..=599).contains(status))
        });
    }
    if said.request_id.is_none() {
        said.request_id = text("request_id");
    }
}

/// MiniMax's status of an answer, and what its codes are in HTTP's ("Error Codes", platform.minimax.io, read 2026-11-22).
fn base_resp(tree: &Tree, said: &mut Said) {
    let Some(Tree::Number(code)) = tree.get("status_code") else {
        return;
    };
    if code == "0" {
        return;
    }
    said.message = said
        .message
        .take()
        .or_else(|| words(tree.get("status_msg")?));
    said.status = said.status.or(match code.as_str() {
        "1001" => Some(408),
        "1002" | "1039" | "1041" | "2045" => Some(429),
        "1004" | "2049" => Some(401),
        // A balance, and a plan's hours.
        "1008" | "2056" => Some(402),
        "1042" | "2013" => Some(400),
        _ => None,
    });
    said.filtered |= matches!(code.as_str(), "1026" | "1027");
    said.code.get_or_insert_with(|| code.clone());
}

/// The name of an AWS exception, without its namespace before it or the address behind it (Smithy, "AWS JSON protocol", errors).
fn exception(text: &str) -> &str {
    let name = text.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().trim()
}

/// Words for people: a text, the words of an object, or the words of each in a list (FastAPI).
fn words(tree: &Tree) -> Option<String> {
    match tree {
        Tree::Text(_) => tree.text().map(str::to_owned),
        Tree::List(items) => {
            let words: Vec<String> = items.iter().filter_map(words).collect();
            (!words.is_empty()).then(|| words.join("; "))
        }
        Tree::Object(_) => {
            let names = ["message", "msg", "detail", "details", "error"];
            let said = names.iter().find_map(|name| words(tree.get(name)?))?;
            Some(match tree.get("loc").and_then(place) {
                Some(place) => format!("{said} ({place})"),
                None => said,
            })
        }
        Tree::Null | Tree::Number(_) => None,
    }
}

/// FastAPI's `loc`: `["body", "messages", 0]` is `body.messages.0`.
fn place(tree: &Tree) -> Option<String> {
    let Tree::List(steps) = tree else { return None };
    let steps: Vec<&str> = steps
        .iter()
        .filter_map(|step| match step {
            Tree::Text(step) | Tree::Number(step) => Some(step.as_str()),
            _ => None,
        })
        .collect();
    (!steps.is_empty()).then(|| steps.join("."))
}
