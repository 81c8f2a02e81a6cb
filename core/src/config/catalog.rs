//! `[catalog]`: what is laid over the catalog of models that is built in.

use std::sync::Arc;

use libllm_proto::catalog::Table as Models;

use super::environment::Environment;
use super::scope::Table;
use crate::catalog::Catalog;
use crate::error::Result;

pub(super) fn read(root: &Table<'_>, environment: &dyn Environment) -> Result<Arc<Catalog>> {
    let catalog = Catalog::default();
    let Some(table) = root.table("catalog")? else {
        return Ok(Arc::new(catalog));
    };
    table.check(&["file"], &[])?;
    if let Some(item) = table.get("file") {
        let path = item.text()?;
        let text = environment.read(path);
        let text = text.map_err(|error| item.fail(format!("cannot read {path}: {error}")))?;
        let models = Models::from_source(text.as_bytes());
        let models = models.map_err(|error| item.fail(format!("{path}: {}", error.message())))?;
        catalog.lay(vec![Arc::new(models)]);
    }
    Ok(Arc::new(catalog))
}
