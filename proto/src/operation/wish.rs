//! A request that is no conversation, taken apart for wires that say it in words of their own.

use serde_json::value::RawValue;

use crate::chat::body::{Body, Members};
use crate::chat::{Chat, Params, Report, bad};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::request::Request;
use crate::wire::{self, Encoded, Target};

/// Something a vector is asked for.
#[derive(Debug)]
pub(crate) enum Input {
    /// A text.
    Text(String),
    /// Something the provider knows: pictures, or text with pictures, as the caller wrote it.
    Own(Box<RawValue>),
}

/// The members of a request; each wire takes those it has words for.
#[derive(Debug)]
pub(crate) struct Wish {
    /// What nobody has taken yet.
    pub(crate) params: Params,
    extra: Option<Box<RawValue>>,
}

impl Wish {
    /// Takes a request apart.
    pub(crate) fn read(request: &Request) -> Result<Wish> {
        let chat = Chat::read(request)?;
        Ok(Wish {
            params: chat.params,
            extra: chat.extra_body,
        })
    }

    /// The same of a request whose members mean other things than a conversation's: none of them is looked into.
    pub(crate) fn read_loose(request: &Request) -> Result<Wish> {
        let mut params = Params::default();
        for (name, json) in request.fields() {
            match name {
                "model" | "stream" | "stream_options" | "messages" | "extra_body" => {}
                _ => params.push(name, json)?,
            }
        }
        let extra = request
            .field("extra_body")
            .map(|json| own("extra_body", &String::from_utf8_lossy(json)));
        Ok(Wish {
            params,
            extra: extra.transpose()?.filter(|extra| extra.get() != "null"),
        })
    }

    /// Every member, and what the caller says last.
    pub(crate) fn members(self, target: &Target<'_>) -> Result<Vec<(String, Box<RawValue>)>> {
        let body = self.finish(Body::default(), target)?;
        let members: Members =
            serde_json::from_slice(&body).map_err(|error| bad("extra_body", error))?;
        Ok(members.0)
    }

    /// What vectors are asked for. Numbers of tokens are known to OpenAI's format alone.
    pub(crate) fn inputs(&mut self) -> Result<Vec<Input>> {
        let Some(input) = self.params.take_raw("input") else {
            return Ok(Vec::new());
        };
        let one = |path: &str, json: &str| match json.as_bytes().first() {
            Some(b'"') => text(path, json).map(Input::Text),
            Some(b'{') => own(path, json).map(Input::Own),
            _ => Err(unsupported(&format!(
                "{path}: the provider takes texts and no numbers of tokens"
            ))),
        };
        if !input.get().starts_with('[') {
            return Ok(vec![one("input", input.get())?]);
        }
        let list: Vec<&RawValue> =
            serde_json::from_str(input.get()).map_err(|error| bad("input", error))?;
        let list = list.iter().enumerate();
        list.map(|(number, value)| one(&format!("input[{number}]"), value.get()))
            .collect()
    }

    /// The one text a vector is asked for, of a provider that takes no more at a time.
    pub(crate) fn input(&mut self) -> Result<Input> {
        let mut inputs = self.inputs()?;
        match (inputs.len(), inputs.pop()) {
            (1, Some(input)) => Ok(input),
            (count, _) => Err(unsupported(&format!(
                "input: the model takes one text a request, and there are {count}"
            ))),
        }
    }

    /// How vectors are to be written; numbers are what providers send who are not told.
    pub(crate) fn is_packed(&mut self) -> Result<bool> {
        let format: Option<String> = self.params.take("encoding_format")?;
        Ok(format.is_some_and(|format| format == "base64"))
    }

    /// Vectors come as numbers there, whatever is asked for.
    pub(crate) fn numbers(&mut self, report: &mut Report) -> Result<()> {
        match self.is_packed()? {
            true => report.dropped("encoding_format", "the provider sends numbers"),
            false => Ok(()),
        }
    }

    /// The texts that vectors are asked for, of a provider that knows nothing else.
    pub(crate) fn texts(&mut self) -> Result<Vec<String>> {
        let inputs = self.inputs()?.into_iter();
        let texts = inputs.map(|input| match input {
            Input::Text(text) => Ok(text),
            Input::Own(_) => Err(unsupported("input: the provider takes texts there")),
        });
        texts.collect()
    }

    /// Leaves out what only OpenAI's format has.
    fn drop_foreign(&mut self, report: &mut Report) -> Result<()> {
        if self.params.take_raw("user").is_some() {
            report.dropped("user", "the provider does not know it")?;
        }
        Ok(())
    }

    /// The request for vectors to `place`: without what only OpenAI's format has, and finished.
    pub(crate) fn post_vectors(
        mut self,
        body: Body,
        target: &Target<'_>,
        mut report: Report,
        place: &str,
    ) -> Result<Encoded> {
        self.drop_foreign(&mut report)?;
        self.post(body, target, report, place)
    }

    /// The request to `place`, finished.
    pub(crate) fn post(
        self,
        body: Body,
        target: &Target<'_>,
        report: Report,
        place: &str,
    ) -> Result<Encoded> {
        let body = self.finish(body, target)?;
        Ok(Encoded {
            http: wire::post(place, "application/json", body)?,
            dropped: report.finish(),
        })
    }

    /// Puts what nobody has taken into the body as it is, and what the caller says last over all.
    pub(crate) fn finish(self, mut body: Body, target: &Target<'_>) -> Result<Vec<u8>> {
        for (name, value) in self.params.rest() {
            body.set(&name, value);
        }
        let own = self.extra.as_deref().map(|json| json.get().as_bytes());
        for extra in [own, target.extra_body].into_iter().flatten() {
            body.merge(extra)?;
        }
        Ok(body.into_bytes())
    }
}

/// What another target may be able to do.
pub(crate) fn unsupported(message: &str) -> Error {
    Error::new(ErrorKind::Unsupported, message).with_retry(Retry::Elsewhere)
}

fn text(path: &str, json: &str) -> Result<String> {
    serde_json::from_str(json).map_err(|error| bad(path, error))
}

fn own(path: &str, json: &str) -> Result<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).map_err(|error| bad(path, error))
}
