//! Types of the members a request may have, and the words for what is wrong with one.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::json::{Cursor, Kind};

/// The path of a value, built where it is asked for only.
pub(super) enum Place<'p> {
    Root,
    /// A member of the top level.
    Member(&'p [u8]),
    Key(&'p Place<'p>, &'p str),
    Index(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => f.write_str("the request"),
            Place::Member(key) => f.write_str(&String::from_utf8_lossy(key)),
            Place::Key(parent, key) => write!(f, "{parent}.{key}"),
            Place::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// What a value may be.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    kinds: &'static [Kind],
    words: &'static str,
}

pub(super) const OBJECT: Shape = Shape {
    kinds: &[Kind::Object],
    words: "an object",
};
pub(super) const ARRAY: Shape = Shape {
    kinds: &[Kind::Array],
    words: "an array",
};
pub(super) const STRING: Shape = Shape {
    kinds: &[Kind::String],
    words: "a string",
};
const NUMBER: Shape = Shape {
    kinds: &[Kind::Number],
    words: "a number",
};
const BOOL: Shape = Shape {
    kinds: &[Kind::Bool],
    words: "true or false",
};
pub(super) const STRING_OR_ARRAY: Shape = Shape {
    kinds: &[Kind::String, Kind::Array],
    words: "a string or an array",
};
const STRING_OR_OBJECT: Shape = Shape {
    kinds: &[Kind::String, Kind::Object],
    words: "a string or an object",
};

/// An error at a place.
pub(super) fn fail(place: &Place<'_>, why: &str) -> Error {
    let separator = if why.starts_with("expected") { ":" } else { "" };
    Error::new(
        ErrorKind::InvalidArgument,
        format!("{place}{separator} {why}"),
    )
}

/// Checks that the next value, which is not read, is one of the shape's kinds.
pub(super) fn expect(cursor: &mut Cursor<'_>, place: &Place<'_>, shape: Shape) -> Result<()> {
    let kind = cursor.kind()?;
    if shape.kinds.contains(&kind) {
        return Ok(());
    }
    Err(fail(
        place,
        &format!("expected {}, found {}", shape.words, found(kind)),
    ))
}

/// Like [`expect`], but null is good, too. Says whether the value is there.
pub(super) fn optional(cursor: &mut Cursor<'_>, place: &Place<'_>, shape: Shape) -> Result<bool> {
    if cursor.kind()? == Kind::Null {
        return Ok(false);
    }
    expect(cursor, place, shape).map(|()| true)
}

/// Checks a member of the top level, which is not read where there is nothing to look at inside.
pub(super) fn field(name: &[u8], cursor: &mut Cursor<'_>, place: &Place<'_>) -> Result<()> {
    let Ok(known) = FIELDS.binary_search_by_key(&name, |(known, _)| known.as_bytes()) else {
        return cursor.skip();
    };
    match FIELDS[known].1 {
        Rule::Is(shape) => {
            optional(cursor, place, shape)?;
            cursor.skip()
        }
        Rule::Whole { min } => whole(cursor, place, min),
        Rule::ListOf(shape) => list(cursor, place, ARRAY, shape),
        Rule::OneOrListOf(shape) => list(cursor, place, STRING_OR_ARRAY, shape),
        Rule::Tools => tools(cursor, place),
    }
}

enum Rule {
    Is(Shape),
    /// A whole number of at least `min`.
    Whole {
        min: i64,
    },
    ListOf(Shape),
    OneOrListOf(Shape),
    Tools,
}

/// OpenAI API reference, "Create chat completion" (read 2026-11-21), by name. Members that are not here travel unchecked.
const FIELDS: &[(&str, Rule)] = &[
    ("audio", Rule::Is(OBJECT)),
    ("extra_body", Rule::Is(OBJECT)),
    ("frequency_penalty", Rule::Is(NUMBER)),
    ("function_call", Rule::Is(STRING_OR_OBJECT)),
    ("functions", Rule::ListOf(OBJECT)),
    ("input", Rule::Is(STRING_OR_ARRAY)),
    ("logit_bias", Rule::Is(OBJECT)),
    ("logprobs", Rule::Is(BOOL)),
    ("max_completion_tokens", Rule::Whole { min: 0 }),
    ("max_tokens", Rule::Whole { min: 0 }),
    ("metadata", Rule::Is(OBJECT)),
    ("modalities", Rule::ListOf(STRING)),
    ("model", Rule::Is(STRING)),
    ("n", Rule::Whole { min: 1 }),
    ("parallel_tool_calls", Rule::Is(BOOL)),
    ("presence_penalty", Rule::Is(NUMBER)),
    ("reasoning_effort", Rule::Is(STRING)),
    // A word where pictures and sound are asked for.
    ("response_format", Rule::Is(STRING_OR_OBJECT)),
    ("seed", Rule::Whole { min: i64::MIN }),
    ("service_tier", Rule::Is(STRING)),
    ("stop", Rule::OneOrListOf(STRING)),
    ("store", Rule::Is(BOOL)),
    ("stream", Rule::Is(BOOL)),
    ("stream_options", Rule::Is(OBJECT)),
    ("temperature", Rule::Is(NUMBER)),
    ("tool_choice", Rule::Is(STRING_OR_OBJECT)),
    ("tools", Rule::Tools),
    ("top_logprobs", Rule::Whole { min: 0 }),
    ("top_p", Rule::Is(NUMBER)),
    ("user", Rule::Is(STRING)),
];

fn whole(cursor: &mut Cursor<'_>, place: &Place<'_>, min: i64) -> Result<()> {
    if !optional(cursor, place, NUMBER)? {
        return cursor.skip();
    }
    let text = std::str::from_utf8(cursor.number()?.text()).unwrap_or_default();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fail(
            place,
            &format!("expected a whole number, found {}", excerpt(text)),
        ));
    }
    // Digits beyond i64 are the provider's to judge: they are at least not too small.
    let small = match text.parse::<i64>() {
        Ok(number) => number < min,
        Err(_) => text.starts_with('-') && min > i64::MIN,
    };
    if small {
        return Err(fail(
            place,
            &format!("expected at least {min}, found {}", excerpt(text)),
        ));
    }
    Ok(())
}

fn list(cursor: &mut Cursor<'_>, place: &Place<'_>, outer: Shape, inner: Shape) -> Result<()> {
    if !optional(cursor, place, outer)? || cursor.kind()? != Kind::Array {
        return cursor.skip();
    }
    let mut number = 0;
    cursor.array(|cursor| {
        expect(cursor, &Place::Index(place, number), inner)?;
        number += 1;
        Ok(())
    })
}

fn tools(cursor: &mut Cursor<'_>, place: &Place<'_>) -> Result<()> {
    if !optional(cursor, place, ARRAY)? {
        return cursor.skip();
    }
    let mut number = 0;
    cursor.array(|cursor| {
        let tool = Place::Index(place, number);
        number += 1;
        expect(cursor, &tool, OBJECT)?;
        cursor.object(|key, cursor| match key {
            b"type" => expect(cursor, &Place::Key(&tool, "type"), STRING),
            b"function" => function(cursor, &Place::Key(&tool, "function")),
            _ => Ok(()),
        })
    })
}

fn function(cursor: &mut Cursor<'_>, place: &Place<'_>) -> Result<()> {
    expect(cursor, place, OBJECT)?;
    let mut named = false;
    cursor.object(|key, cursor| {
        if key == b"name" {
            named = true;
            expect(cursor, &Place::Key(place, "name"), STRING)?;
        }
        Ok(())
    })?;
    if named {
        Ok(())
    } else {
        Err(fail(&Place::Key(place, "name"), "is missing"))
    }
}

fn found(kind: Kind) -> &'static str {
    match kind {
        Kind::Object => "an object",
        Kind::Array => "an array",
        Kind::String => "a string",
        Kind::Number => "a number",
        Kind::Bool => "a boolean",
        Kind::Null => "null",
    }
}

/// Errors stay one line, whatever was written.
fn excerpt(text: &str) -> &str {
    &text[..text.len().min(40)]
}

#[cfg(test)]
mod tests {
    use super::FIELDS;

    #[test]
    fn members_are_known_by_name_in_order() {
        assert!(FIELDS.is_sorted_by_key(|(name, _)| *name));
    }
}
