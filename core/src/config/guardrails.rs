//! `[[guardrails]]`: what may not pass, on which way, and what is done about it.

use std::sync::Arc;

use super::scope::{Item, Table};
use crate::error::Result;
use crate::policy::guard::schema::Schema;
use crate::policy::guard::{Shape, Wanted};

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Guardrail {
    /// What errors and reports call it.
    pub(crate) name: String,
    pub(crate) on_request: bool,
    pub(crate) on_answer: bool,
    pub(crate) action: Action,
    pub(crate) wanted: Wanted,
    /// Models that may be asked, all if there are none, and models that may not; `*` at the end stands for anything.
    pub(crate) models_allow: Vec<String>,
    pub(crate) models_deny: Vec<String>,
    pub(crate) max_chars: Option<u64>,
    pub(crate) schema: Option<Schema>,
    /// Whether an answer that is not of the schema is asked for once more.
    pub(crate) repair: bool,
}

/// What is done about what a rule finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Refuse,
    Redact,
    Report,
}

pub(super) fn read_all(root: &Table<'_>) -> Result<Arc<[Guardrail]>> {
    let Some(rules) = root.get("guardrails") else {
        return Ok(Arc::default());
    };
    rules.list()?.iter().map(read).collect()
}

fn read(item: &Item<'_>) -> Result<Guardrail> {
    let table = item.table()?;
    table.check(KEYS, &[])?;
    let Some(name) = table.text("name")? else {
        return Err(table.missing(item, "name", "a string"));
    };
    let on = table
        .word("on", &["both", "request", "answer"], &[])?
        .unwrap_or("both");
    let action = match table.word("action", &["refuse", "redact", "report"], &[])? {
        Some("redact") => Action::Redact,
        Some("report") => Action::Report,
        _ => Action::Refuse,
    };
    let mut rule = Guardrail {
        name: name.to_owned(),
        on_request: on != "answer",
        on_answer: on != "request",
        action,
        wanted: wanted(&table)?,
        models_allow: texts(&table, "models_allow")?,
        models_deny: texts(&table, "models_deny")?,
        max_chars: table.integer("max_chars", 1..=1 << 40)?,
        schema: None,
        repair: table.flag("repair")?.unwrap_or(false),
    };
    if let Some(schema) = table.get("json_schema") {
        schema.table()?;
        rule.schema = Some(Schema::new(schema.to_json()).map_err(|why| schema.fail(why))?);
    }
    if let Some(flag) = table.get("repair").filter(|_| rule.schema.is_none()) {
        return Err(flag.fail("goes with json_schema"));
    }
    let shapes = !rule.wanted.shapes.is_empty() || !rule.wanted.words.is_empty();
    if action == Action::Redact && !shapes {
        return Err(item.fail("there is nothing to redact: expected pii, secrets or words"));
    }
    Ok(rule)
}

fn wanted(table: &Table<'_>) -> Result<Wanted> {
    let mut wanted = Wanted::default();
    if let Some(list) = table.get("pii") {
        for item in list.list()? {
            let word = item.text()?;
            let known = Shape::PERSONAL.iter().find(|(name, _)| *name == word);
            let Some((_, shape)) = known else {
                return Err(item.fail("expected \"email\", \"phone\", \"card\" or \"iban\""));
            };
            wanted.shapes.push(*shape);
        }
    }
    if table.flag("secrets")? == Some(true) {
        wanted.shapes.push(Shape::Secret);
    }
    for word in texts(table, "words")? {
        wanted.words.push(word.to_lowercase());
    }
    Ok(wanted)
}

fn texts(table: &Table<'_>, key: &str) -> Result<Vec<String>> {
    let Some(item) = table.get(key) else {
        return Ok(Vec::new());
    };
    let list = item.list()?;
    let texts = list.iter().map(|item| match item.text()? {
        "" => Err(item.fail("is empty")),
        text => Ok(text.to_owned()),
    });
    texts.collect()
}

const KEYS: &[&str] = &[
    "name",
    "on",
    "action",
    "pii",
    "secrets",
    "words",
    "models_allow",
    "models_deny",
    "max_chars",
    "json_schema",
    "repair",
];
