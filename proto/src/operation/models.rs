//! Lists of models: `GET`, and the same list whoever is asked. What the provider says of a model beside its name stays as it is.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue, USER_AGENT};

use crate::error::{Error, ErrorKind, Result};
use crate::json::write::{self, Object};
use crate::json::{Cursor, Kind};
use crate::operation::{Answer, Said, lacks, readable};
use crate::request::Request;
use crate::wire::{Encoded, Target, segment};

/// Asks `path`; `page` is what the provider calls the place to go on from, `more` what is asked of it anyway. The request's own
/// members go into the query.
pub(crate) fn say(
    request: &Request,
    target: &Target<'_>,
    path: &str,
    page: &str,
    more: &[(&str, &str)],
) -> Result<Encoded> {
    let mut query: Vec<(String, String)> = Vec::new();
    for (name, json) in request.fields() {
        let name = match name {
            "model" | "messages" | "stream" | "stream_options" | "extra_body" => continue,
            "page" => page,
            name => name,
        };
        let mut cursor = Cursor::new(json);
        let value = match cursor.kind()? {
            Kind::String => cursor.string()?.owned(),
            Kind::Number | Kind::Bool => String::from_utf8_lossy(json).into_owned(),
            _ => continue,
        };
        query.push((name.to_owned(), value));
    }
    for (name, value) in more {
        if !query.iter().any(|(said, _)| said == name) {
            query.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    let mut url = format!("{}{path}", target.base_url);
    for (number, (name, value)) in query.iter().enumerate() {
        url.push(if number == 0 { '?' } else { '&' });
        url.push_str(&segment(name));
        url.push('=');
        url.push_str(&segment(value));
    }
    let mut http = http::Request::new(Bytes::new());
    *http.uri_mut() = url
        .parse()
        .map_err(|_| Error::new(ErrorKind::Config, "base URL is no URL"))?;
    let headers = http.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::from_static(crate::wire::AGENT));
    let dropped = Vec::new();
    Ok(Encoded { http, dropped })
}

/// Hears a list that is the member `list`, or the whole answer; a model's name is its member `name`, without `prefix`.
pub(crate) fn hear(answer: &Answer<'_>, list: &[u8], name: &[u8], prefix: &str) -> Result<Said> {
    let mut out = String::from(r#"{"object":"list","data":["#);
    let (mut found, mut next, mut last, mut more) = (false, None, None, None);
    let mut cursor = Cursor::new(answer.body);
    if cursor.kind()? == Kind::Array {
        found = true;
        models(&mut cursor, name, prefix, &mut out)?;
    } else {
        cursor.object(|key, cursor| {
            match (key, cursor.kind()?) {
                (key, Kind::Array) if key == list => {
                    found = true;
                    models(cursor, name, prefix, &mut out)?;
                }
                (b"nextPageToken" | b"next_page_token", Kind::String) => {
                    next = Some(cursor.string()?.owned());
                }
                (b"last_id", Kind::String) => last = Some(cursor.string()?.owned()),
                (b"has_more", _) => more = cursor.flag()?,
                _ => {}
            }
            Ok(())
        })?;
    }
    cursor.end()?;
    if !found {
        return Err(lacks("list of models"));
    }
    let next = match more {
        Some(true) => next.or(last),
        _ => next,
    };
    out.push_str("],\"next_page\":");
    match next.filter(|next| !next.is_empty()) {
        Some(next) => write::string(&next, &mut out),
        None => out.push_str("null"),
    }
    out.push('}');
    Ok(Said {
        result: readable(out.into_bytes()),
        ..Said::default()
    })
}

fn models(cursor: &mut Cursor<'_>, name: &[u8], prefix: &str, out: &mut String) -> Result<()> {
    let mut first = true;
    cursor.array(|cursor| {
        if cursor.kind()? != Kind::Object {
            return cursor.skip();
        }
        let (mut id, mut rest) = (None, Vec::new());
        cursor.object(|key, cursor| {
            match key {
                key if key == name => id = cursor.text()?.map(|id| id.owned()),
                b"id" | b"object" => {}
                key => rest.push((String::from_utf8_lossy(key).into_owned(), cursor.raw()?)),
            }
            Ok(())
        })?;
        let Some(id) = id else { return Ok(()) };
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        let mut model = Object::begin(out);
        model
            .text("id", id.strip_prefix(prefix).unwrap_or(&id))
            .text("object", "model");
        for (key, value) in rest {
            let mut quoted = String::new();
            write::string(&key, &mut quoted);
            model.raw(
                &quoted[1..quoted.len() - 1],
                &String::from_utf8_lossy(value),
            );
        }
        model.end();
        Ok(())
    })
}
