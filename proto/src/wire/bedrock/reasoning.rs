//! `reasoning_effort` in the words of the model's vendor: Converse passes on what it does not know.

use serde_json::{Value, json};

use crate::chat::Report;
use crate::error::Result;

/// What `additionalModelRequestFields` must say for this effort, by name, and how many tokens of thinking it grants.
pub(super) struct Granted {
    pub(super) fields: Vec<(&'static str, Value)>,
    pub(super) budget: u64,
}

/// What bears on a wish for reasoning.
pub(super) struct Wish<'a> {
    pub(super) model: &'a str,
    pub(super) forced_tool: bool,
    /// The answer goes on from the assistant's last turn.
    pub(super) prefilled: bool,
    /// The last tool calls came without reasoning.
    pub(super) thoughtless_calls: bool,
}

impl Wish<'_> {
    /// Reads the effort.
    pub(super) fn granted(&self, effort: &str, report: &mut Report) -> Result<Granted> {
        const NAME: &str = "reasoning_effort";
        let mut granted = Granted {
            fields: Vec::new(),
            budget: 0,
        };
        if effort == "none" {
            return Ok(granted);
        }
        // (of three words, tokens): Anthropic docs "Extended thinking" allow 1,024 at least and advise 16 k for hard problems.
        let (level, budget) = match effort {
            "minimal" => ("low", 1024),
            "low" => ("low", 2048),
            "medium" => ("medium", 8192),
            "high" => ("high", 16384),
            "xhigh" | "max" => ("high", 24576),
            other => {
                report.dropped(NAME, format!("{other:?} is no effort there"))?;
                return Ok(granted);
            }
        };
        match Family::of(self.model) {
            Family::Claude { .. } | Family::Nova if self.forced_tool => {
                report.dropped(NAME, "thinking allows no forced tool there")?;
            }
            Family::Claude { adaptive: true } => {
                granted
                    .fields
                    .push(("thinking", json!({ "type": "adaptive" })));
                let config = json!({ "effort": level });
                granted.fields.push(("output_config", config));
            }
            Family::Claude { adaptive: false } => match self.refuses_budget() {
                Some(why) => report.dropped(NAME, why)?,
                None => {
                    report.converted(
                        NAME,
                        format!("a budget of {budget} tokens for thinking was sent"),
                    );
                    let thinking = json!({ "type": "enabled", "budget_tokens": budget });
                    granted.fields.push(("thinking", thinking));
                    granted.budget = budget;
                }
            },
            Family::Nova => {
                let config = json!({ "type": "enabled", "maxReasoningEffort": level });
                granted.fields.push(("reasoningConfig", config));
            }
            Family::Openai => granted.fields.push((NAME, level.into())),
            Family::Other => report.dropped(NAME, "nobody here knows how this model reasons")?,
        }
        Ok(granted)
    }

    /// Why Claude would refuse a budget for this conversation (Anthropic docs "Extended thinking": no prefill, and with tools the
    /// thinking before the last calls must come back).
    fn refuses_budget(&self) -> Option<&'static str> {
        match (self.prefilled, self.thoughtless_calls) {
            (true, _) => Some("thinking allows no assistant message at the end there"),
            (_, true) => {
                Some("the last tool calls came without the thinking that must precede them")
            }
            _ => None,
        }
    }
}

/// Who made a model, as far as reasoning is asked for differently.
#[derive(Debug, PartialEq)]
enum Family {
    Claude {
        /// It takes an effort; those before 4.6 take a budget of tokens.
        adaptive: bool,
    },
    /// The second generation of Amazon's.
    Nova,
    /// Open weights of OpenAI's.
    Openai,
    Other,
}

impl Family {
    /// By the model's name, behind a region and inside an ARN.
    fn of(model: &str) -> Family {
        if let Some((_, name)) = model.rsplit_once("anthropic.claude-") {
            return match claude_version(name) {
                None | Some((0..=2, _) | (3, 0..=6)) => Family::Other,
                Some((3, _) | (4, 0..=5)) => Family::Claude { adaptive: false },
                Some(_) => Family::Claude { adaptive: true },
            };
        }
        if model.contains("amazon.nova-2") {
            return Family::Nova;
        }
        match model.contains("openai.") {
            true => Family::Openai,
            false => Family::Other,
        }
    }
}

/// The version in what follows `claude-`: a date has eight digits, a version at most two.
pub(super) fn claude_version(name: &str) -> Option<(u32, u32)> {
    let mut numbers = name
        .split(['-', ':'])
        .filter(|part| part.len() <= 2)
        .filter_map(|part| part.parse::<u32>().ok());
    Some((numbers.next()?, numbers.next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_read_from_names() {
        let claude = |adaptive| Family::Claude { adaptive };
        for (model, family) in [
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                claude(false),
            ),
            ("anthropic.claude-3-7-sonnet-20250219-v1:0", claude(false)),
            ("anthropic.claude-sonnet-4-20250514-v1:0", claude(false)),
            ("global.anthropic.claude-opus-4-6-v1", claude(true)),
            ("anthropic.claude-opus-5", claude(true)),
            ("anthropic.claude-3-sonnet-20240229-v1:0", Family::Other),
            ("anthropic.claude-v2", Family::Other),
            ("us.amazon.nova-2-lite-v1:0", Family::Nova),
            ("amazon.nova-lite-v1:0", Family::Other),
            ("openai.gpt-oss-20b-1:0", Family::Openai),
            ("m", Family::Other),
        ] {
            assert_eq!(Family::of(model), family, "{model}");
        }
    }
}
