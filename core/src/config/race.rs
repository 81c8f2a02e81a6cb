//! How a race is run: `models.A.race` and `models.A.race_return`.

use super::scope::Table;
use crate::error::Result;

/// How many are asked at once, and whose answers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Race {
    /// So many targets.
    pub targets: usize,
    /// Every answer, not the first one alone.
    pub all: bool,
}

impl Default for Race {
    fn default() -> Race {
        Race {
            targets: TARGETS,
            all: false,
        }
    }
}

impl Race {
    pub(super) fn read(model: &Table<'_>) -> Result<Race> {
        let targets = model.integer("race", 2..=TARGETS_MAX)?;
        let answers = model.word("race_return", &["first", "all"], &[])?;
        Ok(Race {
            targets: targets.map_or(TARGETS, |targets| targets as usize),
            all: answers == Some("all"),
        })
    }
}

/// More are paid for, and the second is most of the gain.
const TARGETS: usize = 2;
const TARGETS_MAX: u64 = 8;
