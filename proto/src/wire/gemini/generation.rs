//! What a Gemini model takes, by the version in its name.

/// The version of a model's family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// 2.0 and before: it does not think.
    Plain,
    /// 2.5: thinking has a budget of tokens.
    Budget {
        /// The least budget: 0 where thinking can be switched off.
        least: u64,
    },
    /// 3 and later, and names that hold no version (`gemini-flash-latest`): thinking has levels, calls are signed.
    Level {
        /// Besides `low` and `high`, which all of these models have.
        flash: bool,
    },
    /// No Gemini: a model of Gemma's family, or a tuned one.
    Unknown,
}

impl Generation {
    pub(super) fn of(model: &str) -> Generation {
        let name = model.rsplit('/').next().unwrap_or(model);
        let Some(rest) = name.strip_prefix("gemini-") else {
            return Generation::Unknown;
        };
        let version = rest.split('-').next().unwrap_or_default();
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
        let flash = rest.contains("flash");
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(major), _) if major >= 3 => Generation::Level { flash },
            // Docs "Thinking", table of budgets: 2.5 Pro cannot be told not to think.
            (Some(2), Some(5)) => Generation::Budget {
                least: if flash { 0 } else { 128 },
            },
            (Some(_), _) => Generation::Plain,
            (None, _) => Generation::Level { flash },
        }
    }

    /// Calls without their signature are refused (docs "Thought signatures").
    pub(super) fn signs_calls(self) -> bool {
        matches!(self, Generation::Level { .. })
    }

    /// The result of a function may hold pictures and documents (docs "Function calling", multimodal function responses).
    pub(super) fn results_have_parts(self) -> bool {
        matches!(self, Generation::Level { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_names() {
        let of = Generation::of;
        assert_eq!(of("gemini-2.0-flash"), Generation::Plain);
        assert_eq!(of("gemini-1.5-pro-002"), Generation::Plain);
        assert_eq!(of("gemini-2.5-pro"), Generation::Budget { least: 128 });
        assert_eq!(
            of("models/gemini-2.5-flash-lite"),
            Generation::Budget { least: 0 }
        );
        assert_eq!(
            of("gemini-3-pro-preview"),
            Generation::Level { flash: false }
        );
        assert_eq!(of("gemini-3.6-flash"), Generation::Level { flash: true });
        assert_eq!(of("gemini-flash-latest"), Generation::Level { flash: true });
        assert_eq!(of("gemma-3-27b-it"), Generation::Unknown);
        assert_eq!(of("m"), Generation::Unknown);
    }
}
