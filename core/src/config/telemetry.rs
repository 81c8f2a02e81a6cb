//! `[telemetry]`: what is told of requests when they have ended, and to whom.

use std::path::PathBuf;

use super::Environment;
use super::otlp::{self, Otlp};
use super::scope::Table;
use crate::error::Result;

/// What is told of requests when they have ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// Figures are kept by provider and model, for `metrics`.
    pub prometheus: bool,
    /// The file that a line is written to for each request.
    pub call_log: Option<PathBuf>,
    /// Prompts and answers are told, too, where requests are.
    pub capture_content: bool,
    /// Where spans and metrics are sent.
    pub otlp: Option<Otlp>,
}

impl Telemetry {
    pub(super) fn read(root: &Table<'_>, environment: &dyn Environment) -> Result<Telemetry> {
        let table = root.table("telemetry")?;
        let mut telemetry = Telemetry {
            prometheus: true,
            call_log: None,
            capture_content: false,
            otlp: Otlp::read(table.as_ref(), environment)?,
        };
        let Some(table) = table else {
            return Ok(telemetry);
        };
        let own = ["prometheus", "call_log", "capture_content"];
        match otlp::BUILT {
            true => table.check(&[&own, otlp::KEYS].concat(), &[])?,
            false => table.check(&own, otlp::KEYS)?,
        }
        telemetry.call_log = match table.get("call_log") {
            Some(item) => match item.text()? {
                "off" => None,
                "" => return Err(item.fail("expected \"off\" or the path of a file")),
                path => Some(PathBuf::from(path)),
            },
            None => None,
        };
        telemetry.capture_content = table.boolean("capture_content")?.unwrap_or_default();
        telemetry.prometheus = table.boolean("prometheus")?.unwrap_or(true);
        Ok(telemetry)
    }

    /// Whether figures are kept by target: somebody wants them.
    pub(crate) fn counts_targets(&self) -> bool {
        self.prometheus || self.otlp.is_some()
    }
}
