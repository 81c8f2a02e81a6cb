//! Hooks: the moments of a request at which the host is asked. Nobody is asked unless the configuration says so.

use std::time::Duration;

use super::scope::Table;
use crate::error::Result;
use crate::options::Options;

/// Which questions a request asks its host, and how long it waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hooks {
    /// Before anything is sent: the host may replace or refuse the request.
    pub before: bool,
    /// Before each attempt: the host may add headers or give a key.
    pub attempt: bool,
    /// Once the outcome is known, before it is told.
    pub after: bool,
    /// How long one answer may take.
    pub timeout: Duration,
}

impl Default for Hooks {
    fn default() -> Hooks {
        Hooks {
            before: false,
            attempt: false,
            after: false,
            timeout: TIMEOUT,
        }
    }
}

impl Hooks {
    /// Those of a request with these options: nobody is asked about what the library asks on its own account.
    pub(crate) fn of(self, options: &Options) -> Hooks {
        match options.probes {
            true => Hooks::default(),
            false => self,
        }
    }

    /// Whether anything is asked of every request.
    pub(crate) fn asks(&self) -> bool {
        self.before || self.attempt || self.after
    }

    pub(super) fn read(root: &Table<'_>) -> Result<Hooks> {
        let Some(table) = root.table("hooks")? else {
            return Ok(Hooks::default());
        };
        table.check(KEYS, &[])?;
        let asked = |key| table.flag(key).map(Option::unwrap_or_default);
        Ok(Hooks {
            before: asked("before")?,
            attempt: asked("attempt")?,
            after: asked("after")?,
            timeout: table.seconds("timeout_s")?.unwrap_or(TIMEOUT),
        })
    }
}

const KEYS: &[&str] = &["before", "attempt", "after", "timeout_s"];
/// A hook looks something up or asks a vault; what takes longer than a person waits for a page is stuck.
const TIMEOUT: Duration = Duration::from_secs(10);
