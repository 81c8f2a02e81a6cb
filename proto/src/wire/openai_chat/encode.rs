//! A request in this format is the caller's own text; what routing and the row's quirks change is spliced into it.

use std::borrow::Cow;

use http::Uri;

use crate::chat::Report;
use crate::error::{Error, ErrorKind, Result};
use crate::json::Cursor;
use crate::request::Request;
use crate::request::splice::{Splice, quote};
use crate::wire::{Encoded, Target, post_to, url};

use super::{messages, vocabulary};

/// Says the request for this target.
pub(super) fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let mut report = Report::new(target.unsupported);
    let fitted = vocabulary::fit(request, target, &mut report)?;
    let request = fitted.as_ref().unwrap_or(request);
    let mut splice = Splice::new(request);
    splice.set("model", quote(target.model));
    stream(request, target, &mut splice, &mut report)?;
    if let Some(name) = target.quirks.max_tokens_name {
        max_tokens(request, name, &mut splice, &mut report)?;
    }
    if target.quirks.no_parallel_tools
        && request.field("parallel_tool_calls").is_some()
        && !report.passes()
    {
        report.dropped("parallel_tool_calls", UNKNOWN)?;
        splice.remove("parallel_tool_calls");
    }
    if let Some(edits) = messages::rewrite(request, target, &mut report)? {
        splice.edit("messages", edits);
    }
    if let Some(edits) = messages::marks::tools(request, target, &mut report)? {
        splice.edit("tools", edits);
    }
    extra(request, target, &mut splice)?;
    let accept = if target.stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    Ok(Encoded {
        http: post_to(place(target, "/chat/completions")?, accept, splice.finish()),
        dropped: report.finish(),
    })
}

/// A request that is no conversation: the caller's own text, but for the model and what the caller says over all.
pub(super) fn plain(
    request: &Request,
    target: &Target<'_>,
    path: &str,
    accept: &'static str,
) -> Result<Encoded> {
    let mut report = Report::new(target.unsupported);
    let fitted = vocabulary::fit(request, target, &mut report)?;
    let request = fitted.as_ref().unwrap_or(request);
    let mut splice = Splice::new(request);
    splice.set("model", quote(target.model));
    // These say nothing of an answer that comes in one piece, and servers refuse what they do not know.
    splice.remove("stream");
    splice.remove("stream_options");
    extra(request, target, &mut splice)?;
    Ok(Encoded {
        http: post_to(place(target, path)?, accept, splice.finish()),
        dropped: report.finish(),
    })
}

/// What the caller says over all.
fn extra(request: &Request, target: &Target<'_>, splice: &mut Splice<'_>) -> Result<()> {
    splice.remove_own();
    if let Some(extra) = request.field("extra_body") {
        splice.merge(extra)?;
    }
    if let Some(extra) = target.extra_body {
        splice
            .merge(extra)
            .map_err(|error| error.context("extra_body"))?;
    }
    Ok(())
}

/// Where it goes.
pub(super) fn place(target: &Target<'_>, path: &str) -> Result<Uri> {
    let before = vocabulary::place(target);
    let path = match before {
        "" => Cow::Borrowed(path),
        before => Cow::Owned(format!("{before}{path}")),
    };
    url::joined(target.base_url, &path).map_err(|error| {
        Error::new(
            ErrorKind::Config,
            format!("base URL of provider {}: {error}", target.provider),
        )
    })
}

const UNKNOWN: &str = "the provider does not know it";

fn stream(
    request: &Request,
    target: &Target<'_>,
    splice: &mut Splice<'_>,
    report: &mut Report,
) -> Result<()> {
    if target.stream {
        splice.set("stream", &b"true"[..]);
    } else if request
        .field("stream")
        .is_some_and(|written| written != b"null")
    {
        splice.set("stream", &b"false"[..]);
    }
    let written = request
        .field("stream_options")
        .filter(|written| *written != b"null");
    match written {
        // "Only set this when you set stream: true" (OpenAI API reference): servers refuse it otherwise.
        Some(_) if !target.stream => {
            report.dropped("stream_options", "the answer is not asked for as a stream")?;
            splice.remove("stream_options");
        }
        Some(_) if !target.quirks.stream_usage && report.passes() => {}
        Some(_) if !target.quirks.stream_usage => {
            report.dropped("stream_options", UNKNOWN)?;
            splice.remove("stream_options");
        }
        None if target.stream && target.quirks.stream_usage => {
            splice.set("stream_options", INCLUDE_USAGE);
        }
        None => {}
        Some(options) => {
            if let Some(with_usage) = include_usage(options)? {
                splice.set("stream_options", with_usage);
            }
        }
    }
    Ok(())
}

const INCLUDE_USAGE: &[u8] = br#"{"include_usage":true}"#;

/// The caller's options with usage asked for; `None` if they say something about it.
fn include_usage(options: &[u8]) -> Result<Option<Vec<u8>>> {
    let (mut said, mut empty) = (false, true);
    Cursor::new(options).object(|key, _| {
        said |= key == b"include_usage";
        empty = false;
        Ok(())
    })?;
    if said || empty {
        return Ok(empty.then(|| INCLUDE_USAGE.to_vec()));
    }
    let inner = &options[..options.len() - 1];
    Ok(Some([inner, br#","include_usage":true}"#].concat()))
}

fn max_tokens(
    request: &Request,
    name: &str,
    splice: &mut Splice<'_>,
    report: &mut Report,
) -> Result<()> {
    if report.passes() {
        return Ok(());
    }
    let there = |key: &str| request.field(key).is_some_and(|written| written != b"null");
    for other in ["max_completion_tokens", "max_tokens"] {
        if other == name || !there(other) {
            continue;
        }
        if !there(name) {
            report.converted(other, format!("the provider's name for it is {name}"));
            splice.remove(name);
            splice.rename(other, name);
        } else {
            report.dropped(other, format!("{name} says it"))?;
            splice.remove(other);
        }
    }
    Ok(())
}
