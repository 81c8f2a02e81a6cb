//! Why a candidate ended (reference of `Candidate.FinishReason` and of `PromptFeedback.BlockReason`).

use crate::event::Finish;

/// A finish reason in OpenAI's terms; `calls` says whether the candidate calls functions.
pub(super) fn finish(reason: &str, calls: bool) -> Option<Finish> {
    match reason {
        "STOP" if calls => Some(Finish::ToolCalls),
        "STOP" => Some(Finish::Stop),
        "MAX_TOKENS" => Some(Finish::Length),
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Some(Finish::ContentFilter),
        // LANGUAGE, OTHER, NO_IMAGE, MALFORMED_FUNCTION_CALL, UNEXPECTED_TOOL_CALL, TOO_MANY_TOOL_CALLS, MISSING_THOUGHT_SIGNATURE,
        // MALFORMED_RESPONSE and what comes after them.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_after_calls_waits_for_their_results() {
        assert_eq!(finish("STOP", true), Some(Finish::ToolCalls));
        assert_eq!(finish("STOP", false), Some(Finish::Stop));
        assert_eq!(finish("MAX_TOKENS", true), Some(Finish::Length));
        assert_eq!(
            finish("PROHIBITED_CONTENT", false),
            Some(Finish::ContentFilter)
        );
        assert_eq!(finish("MALFORMED_FUNCTION_CALL", false), None);
    }
}
