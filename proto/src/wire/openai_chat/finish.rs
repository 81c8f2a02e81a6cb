//! Words for the end of an answer.

use crate::event::Finish;

/// What a provider's word means; `None` where it has no equal. A model that stopped in order to call tools has not just stopped.
pub(super) fn reason(word: &str, has_calls: bool) -> Option<Finish> {
    let known = |(known, _): &&(&str, Finish)| known.eq_ignore_ascii_case(word);
    let (_, reason) = WORDS.iter().find(known)?;
    match reason {
        Finish::Stop if has_calls => Some(Finish::ToolCalls),
        reason => Some(*reason),
    }
}

/// What an answer means that is over without a word for it.
pub(super) fn unsaid(has_calls: bool) -> Finish {
    if has_calls {
        Finish::ToolCalls
    } else {
        Finish::Stop
    }
}

/// OpenAI's own four, its old one, and what others say in its place; CONTRACTS section 2 names the set.
const WORDS: &[(&str, Finish)] = &[
    ("stop", Finish::Stop),
    ("length", Finish::Length),
    ("tool_calls", Finish::ToolCalls),
    ("content_filter", Finish::ContentFilter),
    ("function_call", Finish::ToolCalls),
    ("complete", Finish::Stop),
    ("completed", Finish::Stop),
    ("end_turn", Finish::Stop),
    ("eos", Finish::Stop),
    // Text Generation Inference, "FinishReason": length, eos_token, stop_sequence.
    ("eos_token", Finish::Stop),
    ("stop_sequence", Finish::Stop),
    ("max_tokens", Finish::Length),
    // Mistral's OpenAPI: stop, length, model_length, error, tool_calls.
    ("model_length", Finish::Length),
    // Z.AI API reference: stop, tool_calls, length, sensitive, model_context_window_exceeded, network_error.
    ("model_context_window_exceeded", Finish::Length),
    ("sensitive", Finish::ContentFilter),
    ("tool_use", Finish::ToolCalls),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_the_same_everywhere() {
        assert_eq!(reason("stop", false), Some(Finish::Stop));
        assert_eq!(reason("STOP", true), Some(Finish::ToolCalls));
        assert_eq!(reason("eos", false), Some(Finish::Stop));
        assert_eq!(reason("function_call", false), Some(Finish::ToolCalls));
        assert_eq!(reason("length", true), Some(Finish::Length));
        for unknown in [
            "error",
            "network_error",
            "insufficient_system_resource",
            "novel",
        ] {
            assert_eq!(reason(unknown, false), None, "{unknown}");
        }
    }
}
