//! A conversation as one text, for models that know no messages: each in the words its maker trained it with.

use crate::chat::{Chat, Content, Message, Report, Role};
use crate::error::Result;

/// What is said, in turns; the first may be the system's.
pub(super) struct Said {
    pub(super) system: String,
    pub(super) turns: Vec<Turn>,
}

pub(super) struct Turn {
    /// The model said it.
    pub(super) model: bool,
    pub(super) text: String,
}

impl Said {
    /// Takes the messages out of `chat`.
    pub(super) fn read(chat: &mut Chat, report: &mut Report) -> Result<Said> {
        let mut said = Said {
            system: String::new(),
            turns: Vec::new(),
        };
        for message in std::mem::take(&mut chat.messages) {
            let role = message.role;
            let path = message.path.clone();
            if role == Role::Tool {
                report.dropped(path, "this model calls no tools")?;
                continue;
            }
            let text = text(message, report)?;
            match role {
                Role::System => append(&mut said.system, &text),
                _ => said.push(role == Role::Assistant, text),
            }
        }
        Ok(said)
    }

    /// What one side says in several messages is one turn.
    fn push(&mut self, model: bool, text: String) {
        match self.turns.last_mut() {
            Some(last) if last.model == model => append(&mut last.text, &text),
            _ => self.turns.push(Turn { model, text }),
        }
    }
}

fn append(to: &mut String, text: &str) {
    if !to.is_empty() {
        to.push('\n');
    }
    to.push_str(text);
}

fn text(message: Message, report: &mut Report) -> Result<String> {
    let mut text = String::new();
    for (number, _) in message.tool_calls.iter().enumerate() {
        let path = format!("{}.tool_calls[{number}]", message.path);
        report.dropped(path, "this model calls no tools")?;
    }
    for (number, part) in message.parts.iter().enumerate() {
        if part.kind != "citation" {
            let path = format!("{}.libllm_parts[{number}]", message.path);
            report.dropped(path, "is not taken back there")?;
        }
    }
    for part in message.content {
        match part.content {
            Content::Text(more) | Content::Refusal(more) => append(&mut text, &more),
            _ => report.dropped(part.path, "this model reads text only")?,
        }
    }
    Ok(text)
}

/// Meta, "Llama 2 prompt template".
pub(super) fn llama2(said: &Said) -> String {
    let mut prompt = String::new();
    let mut system = match said.system.is_empty() {
        true => String::new(),
        false => format!("<<SYS>>\n{}\n<</SYS>>\n\n", said.system),
    };
    for turn in &said.turns {
        let text = turn.text.trim();
        prompt.push_str(&match turn.model {
            true => format!(" {text} </s>"),
            false => format!("<s>[INST] {}{text} [/INST]", std::mem::take(&mut system)),
        });
    }
    prompt
}

/// Meta, "Llama 3 model cards and prompt formats".
pub(super) fn llama3(said: &Said) -> String {
    let mut prompt = String::from("<|begin_of_text|>");
    let mut say = |role: &str, text: &str| {
        let text = text.trim();
        prompt.push_str(&format!(
            "<|start_header_id|>{role}<|end_header_id|>\n\n{text}<|eot_id|>"
        ));
    };
    if !said.system.is_empty() {
        say("system", &said.system);
    }
    for turn in &said.turns {
        say(if turn.model { "assistant" } else { "user" }, &turn.text);
    }
    prompt.push_str("<|start_header_id|>assistant<|end_header_id|>\n\n");
    prompt
}

/// Mistral AI, "Tokenization", the template of the first instruct models: the system's text goes before the first question.
pub(super) fn mistral(said: &Said) -> String {
    let mut prompt = String::from("<s>");
    let mut system = match said.system.is_empty() {
        true => String::new(),
        false => format!("{}\n\n", said.system),
    };
    for turn in &said.turns {
        let text = turn.text.trim();
        prompt.push_str(&match turn.model {
            true => format!(" {text}</s>"),
            false => format!("[INST] {}{text} [/INST]", std::mem::take(&mut system)),
        });
    }
    prompt
}

/// Bedrock user guide, "Amazon Titan Text models": `User:` and `Bot:`.
pub(super) fn titan(said: &Said) -> String {
    let mut prompt = String::new();
    if !said.system.is_empty() {
        prompt.push_str(&format!("{}\n\n", said.system));
    }
    for turn in &said.turns {
        let name = if turn.model { "Bot" } else { "User" };
        prompt.push_str(&format!("{name}: {}\n", turn.text));
    }
    prompt.push_str("Bot:");
    prompt
}

/// One question is sent as it is; a conversation with names.
pub(super) fn plain(said: &Said) -> String {
    match said.turns.as_slice() {
        [only] if !only.model && said.system.is_empty() => only.text.clone(),
        _ => titan(said).replace("\nBot:", "\nChatbot:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(system: &str) -> Said {
        let turn = |model, text: &str| Turn {
            model,
            text: text.to_owned(),
        };
        Said {
            system: system.to_owned(),
            turns: vec![turn(false, "a"), turn(true, "b"), turn(false, "c")],
        }
    }

    #[test]
    fn each_family_has_its_words() {
        assert_eq!(
            llama2(&said("s")),
            "<s>[INST] <<SYS>>\ns\n<</SYS>>\n\na [/INST] b </s><s>[INST] c [/INST]"
        );
        assert_eq!(
            mistral(&said("")),
            "<s>[INST] a [/INST] b</s>[INST] c [/INST]"
        );
        assert_eq!(
            mistral(&said("s")),
            "<s>[INST] s\n\na [/INST] b</s>[INST] c [/INST]"
        );
        assert_eq!(titan(&said("s")), "s\n\nUser: a\nBot: b\nUser: c\nBot:");
        assert_eq!(
            llama3(&said("s")),
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\ns<|eot_id|>\
             <|start_header_id|>user<|end_header_id|>\n\na<|eot_id|>\
             <|start_header_id|>assistant<|end_header_id|>\n\nb<|eot_id|>\
             <|start_header_id|>user<|end_header_id|>\n\nc<|eot_id|>\
             <|start_header_id|>assistant<|end_header_id|>\n\n"
        );
        let mut one = said("");
        one.turns.truncate(1);
        assert_eq!(plain(&one), "a");
        assert_eq!(plain(&said("")), "User: a\nChatbot: b\nUser: c\nChatbot:");
    }
}
