//! Whose body a model takes, by its name: `vendor.model`, behind a region and inside an ARN.

use super::prompt::{self, Form};

/// Whose body it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Family {
    /// A wire of this build or another; Anthropic's has a version in the body.
    Wire {
        name: &'static str,
        version: Option<&'static str>,
    },
    /// Converse's own.
    Nova,
    /// One text, templates and all.
    Prompt(&'static Form),
}

impl Family {
    pub(super) fn of(model: &str) -> Family {
        let wire = |name| Family::Wire {
            name,
            version: None,
        };
        let after = |vendor: &str| model.rsplit_once(vendor).map(|(_, name)| name);
        if after("anthropic.").is_some() {
            return Family::Wire {
                name: "anthropic",
                version: Some(ANTHROPIC),
            };
        }
        if let Some(name) = after("cohere.command") {
            // The models before Command R take a prompt.
            return match name.starts_with("-text") || name.starts_with("-light") {
                true => Family::Prompt(&prompt::COMMAND),
                false => wire("cohere_v1"),
            };
        }
        if let Some(name) = after("meta.llama") {
            return match name.starts_with('2') {
                true => Family::Prompt(&prompt::LLAMA2),
                false => Family::Prompt(&prompt::LLAMA3),
            };
        }
        if let Some(name) = after("mistral.") {
            // From Mistral Large 2 on they take messages.
            let old = [
                "mistral-7b",
                "mixtral-8x7b",
                "mistral-large-2402",
                "mistral-small-2402",
            ];
            return match old.iter().any(|old| name.starts_with(old)) {
                true => Family::Prompt(&prompt::MISTRAL),
                false => wire("openai_chat"),
            };
        }
        if after("amazon.titan-text").is_some() || after("amazon.titan-tg1").is_some() {
            return Family::Prompt(&prompt::TITAN);
        }
        if after("amazon.nova").is_some() {
            return Family::Nova;
        }
        // Open weights of OpenAI, Qwen and others, and imported models (user guide, "Invoke your imported model"), take messages.
        wire("openai_chat")
    }
}

/// User guide, "Anthropic Claude Messages API".
const ANTHROPIC: &str = "bedrock-2023-05-31";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::invoke::template::{Said, Turn};

    fn question() -> Said {
        let turn = Turn {
            model: false,
            text: "q".to_owned(),
        };
        Said {
            system: String::new(),
            turns: vec![turn],
        }
    }

    #[test]
    fn a_models_name_says_whose_body_it_takes() {
        for (model, expected) in [
            ("anthropic.claude-3-5-haiku-20241022-v1:0", "anthropic"),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-x",
                "anthropic",
            ),
            ("cohere.command-r-plus-v1:0", "cohere_v1"),
            ("cohere.command-text-v14", "q"),
            ("meta.llama2-13b-chat-v1", "<s>[INST] q [/INST]"),
            (
                "us.meta.llama3-2-1b-instruct-v1:0",
                "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nq<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
            ),
            ("mistral.mixtral-8x7b-instruct-v0:1", "<s>[INST] q [/INST]"),
            ("us.mistral.pixtral-large-2502-v1:0", "openai_chat"),
            ("amazon.titan-text-express-v1", "User: q\nBot:"),
            ("us.amazon.nova-lite-v1:0", "nova"),
            ("openai.gpt-oss-120b-1:0", "openai_chat"),
            (
                "arn:aws:bedrock:us-east-1:1:imported-model/abc",
                "openai_chat",
            ),
        ] {
            let found = match Family::of(model) {
                Family::Wire { name, .. } => name.to_owned(),
                Family::Nova => "nova".to_owned(),
                Family::Prompt(form) => (form.say)(&question()),
            };
            assert_eq!(found, expected, "{model}");
        }
    }
}
