//! Bodies of models that take one text: what the text and the parameters are called (user guide, the pages of Titan, Llama, Mistral
//! and Cohere Command).

use super::template::{self, Said};
use crate::chat::body::Body;
use crate::chat::{Chat, Report, ResponseFormat, Standing, standing};
use crate::error::Result;
use crate::request::Request;
use crate::wire::{self, Encoded, Target};

/// How one family says a prompt.
#[derive(Debug)]
pub(super) struct Form {
    /// The member that holds the text.
    pub(super) prompt: &'static str,
    /// The member that holds the parameters, where they do not lie beside the text.
    config: Option<&'static str>,
    /// Our parameters and theirs.
    names: &'static [(&'static str, &'static str)],
    /// What stop sequences are called, where there are any.
    stop: Option<&'static str>,
    /// The text of a conversation.
    pub(super) say: fn(&Said) -> String,
}

const LIMITS: [&str; 2] = ["max_completion_tokens", "max_tokens"];

pub(super) const LLAMA2: Form = Form {
    prompt: "prompt",
    config: None,
    names: &[
        ("max_tokens", "max_gen_len"),
        ("temperature", "temperature"),
        ("top_p", "top_p"),
    ],
    stop: None,
    say: template::llama2,
};

pub(super) const LLAMA3: Form = Form {
    say: template::llama3,
    ..LLAMA2
};

pub(super) const MISTRAL: Form = Form {
    prompt: "prompt",
    config: None,
    names: &[
        ("max_tokens", "max_tokens"),
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("top_k", "top_k"),
    ],
    stop: Some("stop"),
    say: template::mistral,
};

pub(super) const TITAN: Form = Form {
    prompt: "inputText",
    config: Some("textGenerationConfig"),
    names: &[
        ("max_tokens", "maxTokenCount"),
        ("temperature", "temperature"),
        ("top_p", "topP"),
    ],
    stop: Some("stopSequences"),
    say: template::titan,
};

pub(super) const COMMAND: Form = Form {
    prompt: "prompt",
    config: None,
    names: &[
        ("max_tokens", "max_tokens"),
        ("temperature", "temperature"),
        ("top_p", "p"),
        ("top_k", "k"),
    ],
    stop: Some("stop_sequences"),
    say: template::plain,
};

/// The request of a model of this family.
pub(super) fn encode(
    form: &Form,
    request: &Request,
    target: &Target<'_>,
    url: &str,
) -> Result<Encoded> {
    let mut report = Report::new(target.unsupported);
    let mut chat = Chat::read(request)?;
    let said = Said::read(&mut chat, &mut report)?;
    let mut body = Body::default();
    body.say(form.prompt, &(form.say)(&said))?;
    let config = config(form, &mut chat, &mut body, &mut report)?;
    match form.config {
        Some(_) if config.is_empty() => {}
        Some(name) => body.say(name, &config)?,
        None => body.merge(&config.into_bytes())?,
    }
    if !chat.tools.is_empty() {
        report.dropped("tools", "this model calls no tools")?;
    }
    match chat.response_format.take() {
        None | Some(ResponseFormat::Text) => {}
        Some(_) => report.dropped("response_format", "this model writes text only")?,
    }
    let own = chat.extra_body.as_deref().map(|json| json.get().as_bytes());
    for extra in [own, target.extra_body].into_iter().flatten() {
        body.merge(extra)?;
    }
    let http = wire::post(url, "application/json", body.into_bytes())?;
    let dropped = report.finish();
    Ok(Encoded { http, dropped })
}

/// The parameters; what nobody here knows goes into the body.
fn config(form: &Form, chat: &mut Chat, body: &mut Body, report: &mut Report) -> Result<Body> {
    let params = &mut chat.params;
    let mut config = Body::default();
    for (ours, theirs) in form.names {
        let value = match *ours {
            "max_tokens" => {
                let [newer, older] = LIMITS.map(|name| params.take_raw(name));
                newer.or(older)
            }
            name => params.take_raw(name),
        };
        if let Some(value) = value {
            config.set(theirs, value);
        }
    }
    let stop = params.take_strings("stop")?;
    match form.stop {
        _ if stop.is_empty() => {}
        Some(name) => config.say(name, &stop)?,
        None => report.dropped("stop", "this model knows no stop sequences")?,
    }
    for (name, value) in std::mem::take(params).rest() {
        match standing(&name, &value) {
            Standing::Neutral => {}
            Standing::Known if !report.passes() => {
                report.dropped(name, "has no equal in this model's format")?;
            }
            Standing::Known | Standing::Foreign => body.set(&name, value),
        }
    }
    Ok(config)
}
