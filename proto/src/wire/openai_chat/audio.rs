//! Sound: `/audio/speech`, whose answer is bytes, and `/audio/transcriptions`, which takes a file as forms do.

use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::encode::{self, place};
use super::form::Form;
use super::images::usage;
use crate::base64;
use crate::chat::bad;
use crate::error::{Error, ErrorKind, Result};
use crate::json::write::Object;
use crate::json::{Cursor, Kind};
use crate::operation::wish::Wish;
use crate::operation::{Answer, Said, lacks, readable};
use crate::request::Request;
use crate::wire::{Encoded, Target, post_to};

/// Says a text to be spoken.
pub(super) fn say_speech(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    encode::plain(request, target, "/audio/speech", "*/*")
}

/// Hears the sound.
pub(super) fn hear_speech(answer: &Answer<'_>) -> Result<Said> {
    if answer.head.is_json() {
        return Err(Error::new(
            ErrorKind::Protocol,
            "the answer is JSON, and no sound",
        ));
    }
    let media_type = answer.head.content_type();
    Ok(Said {
        media_type: Some(match media_type.is_empty() {
            true => "application/octet-stream".to_owned(),
            false => media_type,
        }),
        result: answer.body.to_vec(),
        ..Said::default()
    })
}

/// Says a recording to be written down.
pub(super) fn say_transcription(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let place = place(target, "/audio/transcriptions")?;
    let mut form = Form::default();
    form.text("model", target.model);
    let wish = Wish::read_loose(request)?;
    for (name, value) in wish.members(target)? {
        match name.as_str() {
            "model" | "file" => {}
            _ => form.json(&name, value.get())?,
        }
    }
    // Last, so that a server that reads as it comes knows what to do with it.
    let file = request.field("file").unwrap_or(b"null");
    let File { name, kind, data } = File::read(file)?;
    form.file("file", &name, &kind, &data);
    let (content_type, body) = form.finish();
    let mut http = post_to(place, "application/json", body.into());
    let content_type = HeaderValue::from_str(&content_type)
        .map_err(|_| Error::new(ErrorKind::Internal, "a boundary is no header"))?;
    http.headers_mut().insert(CONTENT_TYPE, content_type);
    let dropped = Vec::new();
    Ok(Encoded { http, dropped })
}

/// What is sent: its bytes stand in the request, in base64.
struct File {
    name: String,
    kind: String,
    data: Vec<u8>,
}

impl File {
    fn read(json: &[u8]) -> Result<File> {
        let (mut name, mut kind, mut data) = (None, None, None);
        let mut cursor = Cursor::new(json);
        match cursor.kind()? {
            Kind::Object => cursor.object(|key, cursor| {
                match key {
                    b"filename" => name = cursor.text()?.map(|text| text.owned()),
                    b"content_type" => kind = cursor.text()?.map(|text| text.owned()),
                    b"data" => data = cursor.text()?.map(|text| text.owned()),
                    _ => {}
                }
                Ok(())
            })?,
            Kind::String => data = Some(cursor.string()?.owned()),
            _ => {
                return Err(bad(
                    "file",
                    "expected an object with data, or a data address",
                ));
            }
        }
        let data = data.ok_or_else(|| bad("file.data", "is missing"))?;
        let (said, text) = match data
            .strip_prefix("data:")
            .and_then(|rest| rest.split_once(','))
        {
            Some((head, text)) => (head.strip_suffix(";base64").map(str::to_owned), text),
            None => (None, data.as_str()),
        };
        let kind = kind.or(said).unwrap_or_default();
        let kind = match kind.is_empty() {
            true => "application/octet-stream".to_owned(),
            false => kind,
        };
        Ok(File {
            data: base64::decode_loose(text.as_bytes())
                .ok_or_else(|| bad("file.data", "is no base64"))?,
            // Providers tell formats by the name's end.
            name: name.unwrap_or_else(|| format!("audio.{}", ending(&kind))),
            kind,
        })
    }
}

fn ending(kind: &str) -> &str {
    match kind.split(';').next().unwrap_or_default().trim() {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/mp4" | "audio/m4a" | "audio/x-m4a" => "m4a",
        "audio/ogg" => "ogg",
        "audio/flac" | "audio/x-flac" => "flac",
        "audio/webm" | "video/webm" => "webm",
        "video/mp4" => "mp4",
        _ => "wav",
    }
}

/// Hears what was said: JSON that stays as it came, or a text (subtitles, for instance), which becomes its `text`.
pub(super) fn hear_transcription(answer: &Answer<'_>) -> Result<Said> {
    let mut said = Said::default();
    if !answer.head.is_json() && !answer.head.content_type().is_empty() {
        let text = String::from_utf8_lossy(answer.body);
        let mut out = String::new();
        let mut object = Object::begin(&mut out);
        object.text("text", &text);
        object.end();
        said.result = out.into_bytes();
        return Ok(said);
    }
    let mut found = false;
    let mut cursor = Cursor::new(answer.body);
    cursor.object(|key, cursor| {
        match (key, cursor.kind()?) {
            (b"text", Kind::String) => found = true,
            (b"model", _) => said.model = cursor.text()?.map(|model| model.owned()),
            (b"usage", Kind::Object) => said.usage = Some(usage(cursor)?),
            _ => {}
        }
        Ok(())
    })?;
    cursor.end()?;
    if !found {
        return Err(lacks("text"));
    }
    said.result = readable(answer.body.to_vec());
    Ok(said)
}
