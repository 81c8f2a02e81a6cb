//! `reasoning_effort` in the words of `thinkingConfig`: a level for newer models, a budget of tokens for older ones.

use serde_json::{Value, json};

use super::generation::Generation;
use crate::chat::Report;
use crate::error::Result;

/// What `thinkingConfig` must say for this effort; thoughts are asked for with it.
pub(super) fn thinking(
    effort: &str,
    generation: Generation,
    report: &mut Report,
) -> Result<Option<Value>> {
    const NAME: &str = "reasoning_effort";
    // (rank, budget): docs "OpenAI compatibility", the table of efforts.
    let (level, budget) = match effort {
        "none" => ("none", 0),
        "minimal" => ("minimal", 1024),
        "low" => ("low", 1024),
        "medium" => ("medium", 8192),
        "high" => ("high", 24576),
        "xhigh" | "max" => {
            report.converted(NAME, "the most effort there is high");
            ("high", 24576)
        }
        other => {
            report.dropped(NAME, format!("{other:?} is no effort there"))?;
            return Ok(None);
        }
    };
    match generation {
        Generation::Plain if level == "none" => Ok(None),
        Generation::Plain => {
            report.dropped(NAME, "this model does not think")?;
            Ok(None)
        }
        Generation::Unknown => {
            report.dropped(NAME, "nobody here knows how this model thinks")?;
            Ok(None)
        }
        Generation::Budget { least } if level == "none" => {
            if least > 0 {
                let why = format!("this model always thinks: a budget of {least} tokens was sent");
                report.converted(NAME, why);
            }
            Ok(Some(json!({ "thinkingBudget": least })))
        }
        Generation::Budget { .. } => {
            let why = format!("a budget of {budget} tokens for thinking was sent");
            report.converted(NAME, why);
            Ok(Some(
                json!({ "thinkingBudget": budget, "includeThoughts": true }),
            ))
        }
        Generation::Level { flash } => {
            // Docs "Thinking", table of levels: Pro has low and high.
            let said = match (level, flash) {
                ("none" | "minimal", true) => "minimal",
                ("none" | "minimal", false) => "low",
                ("medium", false) => "high",
                (level, _) => level,
            };
            if said != level {
                report.converted(NAME, format!("{said} was sent"));
            }
            let mut config = json!({ "thinkingLevel": said });
            if level != "none" {
                config["includeThoughts"] = true.into();
            }
            Ok(Some(config))
        }
    }
}
