//! What a Claude model takes, by the version in its name. The API refuses what a model does not take, so the wire must know.

/// What a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    /// `thinking: adaptive` with `output_config.effort`; otherwise `thinking: enabled` with a token budget.
    pub(super) adaptive: bool,
    /// The effort `xhigh`.
    pub(super) xhigh: bool,
    /// `temperature`, `top_p` and `top_k`.
    pub(super) sampling: bool,
    /// `temperature` and `top_p` in one request.
    pub(super) both_sampling: bool,
    /// `output_config.format`.
    pub(super) structured: bool,
    /// `tools`.
    pub(super) tools: bool,
    /// `tool_choice` `any` and `tool`.
    pub(super) forced_tools: bool,
    /// Any JSON object, by a tool that must be called.
    pub(super) object_by_tool: bool,
}

impl Generation {
    /// Goes by the version after `claude` in the name. Names without one are newer than numbers (`claude-mythos-preview`);
    /// names without `claude` are other models behind this format, which take what the format had when they copied it.
    pub(super) fn of(model: &str) -> Generation {
        let Some(start) = model.find("claude") else {
            return Generation {
                adaptive: false,
                xhigh: false,
                sampling: true,
                both_sampling: true,
                structured: true,
                tools: true,
                forced_tools: true,
                object_by_tool: false,
            };
        };
        let version = version(&model[start..]).unwrap_or((u32::MAX, 0));
        Generation {
            // Docs "Adaptive thinking": from 4.6 on; later ones refuse a budget.
            adaptive: version >= (4, 6),
            // Docs "Effort": Opus 4.7 and what came after it.
            xhigh: version >= (4, 7),
            // Migration guide: sampling parameters are refused from Opus 4.7 on.
            sampling: version < (4, 7),
            // Migration guide: from Opus 4.1 on only one of the two.
            both_sampling: version < (4, 1),
            // Docs "Structured outputs": generally available from the 4.5 models on.
            structured: version >= (4, 5),
            // Docs "Tool use": every Claude 3 model and later.
            tools: version >= (3, 0),
            // "What's new in Claude Opus 5.5": refused there and by Fable 5.1.
            forced_tools: ((3, 0)..(5, 1)).contains(&version),
            // From 5 on models think unasked, which a forced tool forbids (docs "Extended thinking", tool use).
            object_by_tool: ((3, 0)..(5, 0)).contains(&version),
        }
    }
}

/// The first number of at most two digits, and the one right behind it: eight digits are a date.
fn version(name: &str) -> Option<(u32, u32)> {
    let number = |word: &str| {
        let digits = word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit());
        if digits {
            word.parse::<u32>().ok()
        } else {
            None
        }
    };
    let mut words = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .skip_while(|word| number(word).is_none());
    let major = number(words.next()?)?;
    Some((major, words.next().and_then(number).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_out_of_every_spelling() {
        for (name, expected) in [
            ("claude-3-7-sonnet-20250219", Some((3, 7))),
            ("claude-3-haiku-20240307", Some((3, 0))),
            ("claude-opus-4-20250514", Some((4, 0))),
            ("claude-haiku-4-5-20251001", Some((4, 5))),
            ("claude-haiku-4.5", Some((4, 5))),
            ("claude-opus-4-6-v1", Some((4, 6))),
            ("claude-sonnet-4@20250514", Some((4, 0))),
            ("claude-opus-5", Some((5, 0))),
            ("claude-2.1", Some((2, 1))),
            ("claude-mythos-preview", None),
            ("claude", None),
        ] {
            assert_eq!(version(name), expected, "{name}");
        }
    }

    #[test]
    fn knows_what_a_generation_takes() {
        let older = Generation::of("claude-haiku-4-5");
        assert!(!older.adaptive && older.sampling && !older.both_sampling && older.structured);
        let between = Generation::of("us.anthropic.claude-sonnet-4-6");
        assert!(between.adaptive && !between.xhigh && between.sampling);
        for newer in [
            "claude-opus-4-7",
            "claude-sonnet-5",
            "claude-mythos-preview",
        ] {
            let newer = Generation::of(newer);
            assert!(newer.adaptive && newer.xhigh && !newer.sampling && newer.structured);
        }
        for (name, forced, object) in [
            ("claude-2.1", false, false),
            ("claude-3-haiku-20240307", true, true),
            ("claude-opus-4-7", true, true),
            ("claude-opus-5", true, false),
            ("claude-opus-5-5", false, false),
            ("claude-fable-5-1", false, false),
            ("MiniMax-M2.7", true, false),
        ] {
            let known = Generation::of(name);
            let found = (known.forced_tools, known.object_by_tool);
            assert_eq!(found, (forced, object), "{name}");
        }
        let other = Generation::of("MiniMax-M2.7");
        assert!(!other.adaptive && other.sampling && other.structured);
    }
}
