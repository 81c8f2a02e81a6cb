//! `reasoning_effort` in the words of the Messages API: an effort for newer models, a budget of tokens for older ones.

use super::generation::Generation;
use super::turns::Conversation;
use crate::chat::Report;
use crate::error::Result;

/// A wish for reasoning, and what stands in its way.
pub(super) struct Wish<'a> {
    pub(super) effort: &'a str,
    pub(super) generation: Generation,
    pub(super) said: &'a Conversation,
    pub(super) forced_tool: bool,
    pub(super) own_thinking: bool,
}

pub(super) enum Granted {
    Nothing,
    Off,
    Effort {
        effort: &'static str,
        adaptive: bool,
    },
    Budget(u64),
}

impl Wish<'_> {
    pub(super) fn granted(&self, report: &mut Report) -> Result<Granted> {
        let refuse = |report: &mut Report, why: &str| {
            report
                .dropped("reasoning_effort", why)
                .map(|()| Granted::Nothing)
        };
        // (effort, tokens of thinking): docs "Extended thinking" allow 1,024 at least, advise a low start and 16 k for hard
        // problems; 24 k leave room for the answer within the 32 k of the smallest model that thinks (Opus 4).
        let (effort, budget) = match self.effort {
            "none" if self.own_thinking => return refuse(report, "`thinking` is set, too"),
            "none" if self.generation.adaptive => return Ok(Granted::Off),
            "none" => return Ok(Granted::Nothing),
            "minimal" => ("low", 1024),
            "low" => ("low", 2048),
            "medium" => ("medium", 8192),
            "high" => ("high", 16384),
            "xhigh" => ("xhigh", 24576),
            "max" => ("max", 24576),
            other => return refuse(report, &format!("{other:?} is no effort there")),
        };
        if self.generation.adaptive {
            let effort = if effort == "xhigh" && !self.generation.xhigh {
                report.clamped(
                    "reasoning_effort",
                    "this model's efforts are low, medium, high and max: high was sent",
                )?;
                "high"
            } else {
                effort
            };
            if effort != self.effort && self.effort == "minimal" {
                report.converted("reasoning_effort", "the least effort there is low");
            }
            // Thinking allows no forced tool (docs "Extended thinking", with tool use); effort does.
            let adaptive = !self.forced_tool && !self.own_thinking;
            return Ok(Granted::Effort { effort, adaptive });
        }
        if self.own_thinking {
            return refuse(report, "`thinking` is set, too");
        }
        if self.forced_tool {
            return refuse(report, "thinking allows no forced tool there");
        }
        if self.said.prefilled {
            return refuse(
                report,
                "thinking allows no assistant message at the end there",
            );
        }
        if self.said.thoughtless_calls {
            return refuse(
                report,
                "the last tool calls came without the thinking that must precede them",
            );
        }
        report.converted(
            "reasoning_effort",
            format!("a budget of {budget} tokens for thinking was sent"),
        );
        Ok(Granted::Budget(budget))
    }
}
