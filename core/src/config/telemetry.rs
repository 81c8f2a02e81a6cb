//! `[telemetry]`: what is told of requests when they have ended, and to whom.

use super::scope::Table;
use crate::error::Result;

/// What is told of requests when they have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Figures are kept by provider and model, for `metrics`.
    pub prometheus: bool,
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        Telemetry { prometheus: true }
    }
}

impl Telemetry {
    pub(super) fn read(root: &Table<'_>) -> Result<Telemetry> {
        let plain = Telemetry::default();
        let Some(table) = root.table("telemetry")? else {
            return Ok(plain);
        };
        table.check(&["prometheus"], &[])?;
        Ok(Telemetry {
            prometheus: table.boolean("prometheus")?.unwrap_or(plain.prometheus),
        })
    }
}
