//! `[catalog]`: what is laid over the catalog of models that is built in.

use std::sync::Arc;
use std::time::Duration;

use libllm_proto::catalog::Table as Models;

use super::environment::Environment;
use super::scope::Table;
use crate::catalog::{Catalog, Remote};
use crate::error::Result;
use crate::transport::control::Fetcher;
use crate::transport::tls::Trust;

pub(super) fn read(root: &Table<'_>, environment: &dyn Environment) -> Result<Arc<Catalog>> {
    let Some(table) = root.table("catalog")? else {
        return Ok(Arc::default());
    };
    table.check(&["file", "url", "refresh_s"], &[])?;
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
    Ok(Arc::new(Catalog::new(file, remote)))
}

/// Prices change within days, not within hours.
const DAY: Duration = Duration::from_secs(86_400);
