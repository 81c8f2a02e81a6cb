//! `[telemetry]`: what is told of requests when they have ended, and to whom.

use std::path::PathBuf;

use super::scope::Table;
use crate::error::Result;

/// What is told of requests when they have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Figures are kept by provider and model, for `metrics`.
    pub prometheus: bool,
    /// The file that a line is written to for each request.
    pub call_log: Option<PathBuf>,
    /// Prompts and answers are told, too, where requests are.
    pub capture_content: bool,
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        Telemetry {
            prometheus: true,
            call_log: None,
            capture_content: false,
        }
    }
}

impl Telemetry {
    pub(super) fn read(root: &Table<'_>) -> Result<Telemetry> {
        let plain = Telemetry::default();
        let Some(table) = root.table("telemetry")? else {
            return Ok(plain);
        };
        table.check(&["prometheus", "call_log", "capture_content"], &[])?;
        let call_log = match table.get("call_log") {
            Some(item) => match item.text()? {
                "off" => None,
                "" => return Err(item.fail("expected \"off\" or the path of a file")),
                path => Some(PathBuf::from(path)),
            },
            None => None,
        };
        Ok(Telemetry {
            call_log,
            capture_content: table.boolean("capture_content")?.unwrap_or_default(),
            prometheus: table.boolean("prometheus")?.unwrap_or(plain.prometheus),
        })
    }
}
