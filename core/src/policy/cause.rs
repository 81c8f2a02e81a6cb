//! Why a request is asked elsewhere: what went wrong chooses the list of fallbacks.

use libllm_proto::{Error, ErrorKind};

/// What a list of fallbacks is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Whatever may be tried elsewhere.
    Any,
    /// The request is longer than the model's window.
    ContextWindow,
    /// The provider's filter refused it.
    ContentPolicy,
    /// It holds what the model cannot see or hear.
    Modality,
}

impl Cause {
    /// The list that is for this error and not for others; `media` says whether the request holds images, sound or files, and is
    /// asked only where that matters.
    pub(crate) fn of(error: &Error, media: impl FnOnce() -> bool) -> Option<Cause> {
        match error.kind() {
            ErrorKind::ContextLength => Some(Cause::ContextWindow),
            ErrorKind::ContentFilter => Some(Cause::ContentPolicy),
            // Providers have no code for it: a refusal of a request with an image in it is taken for a refusal of the image.
            ErrorKind::InvalidRequest | ErrorKind::Unsupported | ErrorKind::NotFound => {
                media().then_some(Cause::Modality)
            }
            _ => None,
        }
    }

    /// The key of the list.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Cause::Any => "any",
            Cause::ContextWindow => "context_window",
            Cause::ContentPolicy => "content_policy",
            Cause::Modality => "modality",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errors_kind_chooses_the_list() {
        use ErrorKind::{ContentFilter, ContextLength, InvalidRequest, Overloaded};
        for (kind, media, expected) in [
            (ContextLength, false, Some(Cause::ContextWindow)),
            (ContentFilter, true, Some(Cause::ContentPolicy)),
            (InvalidRequest, true, Some(Cause::Modality)),
            (InvalidRequest, false, None),
            (Overloaded, true, None),
        ] {
            let error = Error::new(kind, "made up");
            assert_eq!(Cause::of(&error, || media), expected, "{kind:?}");
        }
    }
}
