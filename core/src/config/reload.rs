//! Whether the files that a configuration was read from are watched.

use std::time::Duration;

use super::scope::Table;
use crate::error::Result;

/// How files are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reload {
    /// A file that changes has the configuration read again.
    pub watch: bool,
    /// How often they are looked at.
    pub every: Duration,
}

impl Reload {
    pub(super) fn read(root: &Table<'_>) -> Result<Reload> {
        let mut reload = Reload {
            watch: false,
            every: EVERY,
        };
        if let Some(table) = root.table("reload")? {
            table.check(KEYS, &[])?;
            reload.watch = table.flag("watch")?.unwrap_or(reload.watch);
            reload.every = table.seconds("every_s")?.unwrap_or(reload.every);
        }
        Ok(reload)
    }
}

const KEYS: &[&str] = &["watch", "every_s"];
/// A look costs a few microseconds a file, and nobody who edits one waits for less.
const EVERY: Duration = Duration::from_secs(1);
