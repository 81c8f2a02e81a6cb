//! How long a conversation is: `CountTokens` (API reference and published service model of Bedrock's runtime, read 2026-11-22). It takes
//! the body of either operation, and knows Claude alone (user guide, "Monitor your token usage by counting tokens").

use super::{Documents, converse};
use crate::chat::Report;
use crate::chat::body::Body;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::operation::{Answer, Operation, Said, Unary, tokens};
use crate::request::Request;
use crate::wire::{Encoded, Target, post, segment};

/// What is asked there beside conversations.
pub(super) static ALL: [Unary; 1] = [Unary {
    operation: Operation::CountTokens,
    say,
    hear,
}];

/// The name of a model whose tokens are counted. A profile of several regions is not known there, the model behind it is
/// (`us.anthropic.claude-..`, and the same inside an ARN).
pub(crate) fn model(name: &str) -> Option<&str> {
    name.rfind("anthropic.claude").map(|start| &name[start..])
}

/// The place of a model, which must be one whose tokens are counted.
pub(crate) fn place(target: &Target<'_>) -> Result<String> {
    let model = model(target.model).ok_or_else(|| {
        let message = format!("tokens of model {} are not counted there", target.model);
        Error::new(ErrorKind::Unsupported, message).with_retry(Retry::Elsewhere)
    })?;
    let (base, model) = (target.base_url, segment(model));
    Ok(format!("{base}/model/{model}/count-tokens"))
}

fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let mut report = Report::new(target.unsupported);
    let url = place(target)?;
    let whole = converse(request, target, Documents::Taken, &mut report)?
        .body
        .into_bytes();
    let body = tokens::counted(&whole, |name| COUNTED.contains(&name))?;
    let (mut input, mut asked) = (Body::default(), Body::default());
    input.say("converse", &body)?;
    asked.say("input", &input)?;
    Ok(Encoded {
        http: post(&url, "application/json", asked.into_bytes())?,
        dropped: report.finish(),
    })
}

/// Hears the answer, whichever operation's body was counted.
pub(crate) fn hear(answer: &Answer<'_>) -> Result<Said> {
    tokens::hear(answer, b"inputTokens")
}

/// Members of `ConverseTokensRequest`.
const COUNTED: &[&str] = &[
    "additionalModelRequestFields",
    "messages",
    "system",
    "toolConfig",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_counted_as_the_model_behind_it() {
        let bare = "anthropic.claude-sonnet-4-5-20250929-v1:0";
        for (name, counted) in [
            (bare.to_owned(), Some(bare)),
            (format!("global.{bare}"), Some(bare)),
            (
                format!("arn:aws:bedrock:us-east-1:1:inference-profile/us.{bare}"),
                Some(bare),
            ),
            ("us.amazon.nova-lite-v1:0".to_owned(), None),
            (
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc".to_owned(),
                None,
            ),
        ] {
            assert_eq!(model(&name), counted, "{name}");
        }
    }
}
