//! `[catalog]`: what is laid over the catalog of models that is built in, and vocabularies.

use std::sync::Arc;
use std::time::Duration;

use libllm_proto::catalog::Table as Models;
use libllm_proto::tokenizer::{Split, Tokenizer};

use super::environment::Environment;
use super::scope::{Item, Table};
use super::target::words;
use crate::catalog::{Catalog, Remote, Vocabulary};
use crate::error::Result;
use crate::transport::control::Fetcher;
use crate::transport::tls::Trust;

pub(super) fn read(root: &Table<'_>, environment: &dyn Environment) -> Result<Arc<Catalog>> {
    let Some(table) = root.table("catalog")? else {
        return Ok(Arc::default());
    };
    table.check(&["file", "url", "refresh_s", "tokenizers"], &[])?;
    let mut file = None;
    if let Some(item) = table.get("file") {
        let path = item.text()?;
        let text = environment.read(path);
        let text = text.map_err(|error| item.fail(format!("cannot read {path}: {error}")))?;
        let models = Models::from_source(text.as_bytes());
        file = Some(models.map_err(|error| item.fail(format!("{path}: {}", error.message())))?);
    }
    let every = table.seconds_or_none("refresh_s")?.unwrap_or(DAY);
    let mut remote = None;
    if let Some(item) = table.get("url") {
        let url = item.text()?;
        let parsed: Option<http::Uri> = url.parse().ok();
        let scheme = parsed.as_ref().and_then(|url| url.scheme_str());
        let user = |url: &http::Uri| url.authority().is_some_and(|at| at.as_str().contains('@'));
        if !matches!(scheme, Some("http" | "https")) || parsed.as_ref().is_some_and(user) {
            return Err(item.fail("expected an http or https URL without user"));
        }
        remote = Some(Remote {
            url: url.to_owned(),
            every: Some(every).filter(|every| !every.is_zero()),
            fetcher: Fetcher::new(Trust::platform(environment)),
        });
    } else if let Some(item) = table.get("refresh_s") {
        return Err(item.fail("there is no catalog.url to fetch"));
    }
    let tokenizers = table.table("tokenizers")?;
    let items = tokenizers.iter().flat_map(Table::items);
    let vocabularies = items.map(|(_, item)| vocabulary(&item, environment));
    let vocabularies = vocabularies.collect::<Result<_>>()?;
    Ok(Arc::new(Catalog::new(file, remote, vocabularies)))
}

/// `catalog.tokenizers.T`
fn vocabulary(item: &Item<'_>, environment: &dyn Environment) -> Result<Vocabulary> {
    let table = item.table()?;
    let known = &["file", "split", "models", "per_message", "per_answer"];
    table.check(known, &[])?;
    let Some(file) = table.get("file") else {
        return Err(table.missing(item, "file", "a path"));
    };
    let Some(split) = table.word("split", &["cl100k", "o200k"], &[])? else {
        return Err(table.missing(item, "split", "\"cl100k\" or \"o200k\""));
    };
    let models = words(&table, "models")?;
    if models.is_empty() {
        return Err(table.missing(item, "models", "a list of models"));
    }
    let path = file.text()?;
    let text = environment.read(path);
    let text = text.map_err(|error| file.fail(format!("cannot read {path}: {error}")))?;
    let split = if split == "cl100k" {
        Split::Cl100k
    } else {
        Split::O200k
    };
    let tokenizer = Tokenizer::parse(&text, split);
    Ok(Vocabulary {
        models,
        tokenizer: tokenizer.map_err(|error| file.fail(format!("{path}: {}", error.message())))?,
        per_message: table
            .integer("per_message", 0..=AROUND_MAX)?
            .unwrap_or(OPENAI),
        per_answer: table
            .integer("per_answer", 0..=AROUND_MAX)?
            .unwrap_or(OPENAI),
    })
}

/// What OpenAI's models have around each message and before the answer (OpenAI cookbook, "How to count tokens with tiktoken").
const OPENAI: u64 = 3;
/// More than any template has.
const AROUND_MAX: u64 = 1000;

/// Prices change within days, not within hours.
const DAY: Duration = Duration::from_secs(86_400);
