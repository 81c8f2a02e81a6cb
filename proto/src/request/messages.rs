//! The messages of a request: their types, and what in them concerns us.

use super::check::{self, ARRAY, OBJECT, Place, STRING, STRING_OR_ARRAY, expect, fail, optional};
use crate::error::Result;
use crate::json::{Cursor, Kind};

/// What the messages hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// Some message carries reasoning or parts (`libllm_parts`) of an earlier answer.
    pub(super) earlier: bool,
    /// Something is marked that only some formats can mark: where a cached prefix ends, or that a tool failed.
    pub(super) marks: bool,
    /// A tool's result holds more than text.
    pub(super) shown: bool,
}

/// Checks the messages and reads behind them.
pub(super) fn check(cursor: &mut Cursor<'_>, place: &Place<'_>) -> Result<Found> {
    let mut found = Found::default();
    expect(cursor, place, ARRAY)?;
    let mut number = 0;
    cursor.array(|cursor| {
        let message = Place::Index(place, number);
        number += 1;
        self::message(cursor, &message, &mut found)
    })?;
    if number == 0 {
        return Err(fail(place, "is empty"));
    }
    Ok(found)
}

fn message(cursor: &mut Cursor<'_>, place: &Place<'_>, found: &mut Found) -> Result<()> {
    expect(cursor, place, OBJECT)?;
    let (mut has_role, mut is_tool, mut more) = (false, false, false);
    cursor.object(|key, cursor| {
        let at = |key: &'static str| Place::Key(place, key);
        match key {
            b"role" => {
                has_role = true;
                expect(cursor, &at("role"), STRING)?;
                is_tool = cursor.string()?.is("tool");
                Ok(())
            }
            b"content" => content(cursor, &at("content"), found, &mut more),
            b"tool_calls" => tool_calls(cursor, &at("tool_calls"), found),
            b"tool_call_id" => optional(cursor, &at("tool_call_id"), STRING).map(drop),
            b"name" => optional(cursor, &at("name"), STRING).map(drop),
            b"refusal" => optional(cursor, &at("refusal"), STRING).map(drop),
            b"libllm_parts" => {
                found.earlier = true;
                parts(cursor, &at("libllm_parts"))
            }
            b"reasoning" | b"reasoning_content" => {
                found.earlier = true;
                Ok(())
            }
            b"cache_control" | b"is_error" => {
                found.marks = true;
                Ok(())
            }
            _ => Ok(()),
        }
    })?;
    found.shown |= is_tool && more;
    if has_role {
        Ok(())
    } else {
        Err(fail(&Place::Key(place, "role"), "is missing"))
    }
}

/// Says in `more` whether there is a part that is no text.
fn content(
    cursor: &mut Cursor<'_>,
    place: &Place<'_>,
    found: &mut Found,
    more: &mut bool,
) -> Result<()> {
    if !optional(cursor, place, STRING_OR_ARRAY)? || cursor.kind()? != Kind::Array {
        return Ok(());
    }
    objects(cursor, place, |key, cursor, part| match key {
        b"type" => {
            expect(cursor, &Place::Key(part, "type"), STRING)?;
            *more |= !cursor.string()?.is("text");
            Ok(())
        }
        b"text" => optional(cursor, &Place::Key(part, "text"), STRING).map(drop),
        b"cache_control" => {
            found.marks = true;
            Ok(())
        }
        _ => Ok(()),
    })
}

fn tool_calls(cursor: &mut Cursor<'_>, place: &Place<'_>, found: &mut Found) -> Result<()> {
    if !optional(cursor, place, ARRAY)? {
        return Ok(());
    }
    objects(cursor, place, |key, cursor, call| match key {
        b"id" => optional(cursor, &Place::Key(call, "id"), STRING).map(drop),
        b"cache_control" => {
            found.marks = true;
            Ok(())
        }
        b"function" => {
            let function = Place::Key(call, "function");
            expect(cursor, &function, OBJECT)?;
            cursor.object(|key, cursor| match key {
                b"name" => expect(cursor, &Place::Key(&function, "name"), STRING),
                b"arguments" => expect(cursor, &Place::Key(&function, "arguments"), check::STRING),
                _ => Ok(()),
            })
        }
        _ => Ok(()),
    })
}

fn parts(cursor: &mut Cursor<'_>, place: &Place<'_>) -> Result<()> {
    if !optional(cursor, place, ARRAY)? {
        return Ok(());
    }
    objects(cursor, place, |key, cursor, part| match key {
        b"kind" => expect(cursor, &Place::Key(part, "kind"), STRING),
        b"provider" => expect(cursor, &Place::Key(part, "provider"), STRING),
        _ => Ok(()),
    })
}

/// Checks an array of objects, member by member.
fn objects<'a>(
    cursor: &mut Cursor<'a>,
    place: &Place<'_>,
    mut member: impl FnMut(&[u8], &mut Cursor<'a>, &Place<'_>) -> Result<()>,
) -> Result<()> {
    let mut number = 0;
    cursor.array(|cursor| {
        let element = Place::Index(place, number);
        number += 1;
        expect(cursor, &element, OBJECT)?;
        cursor.object(|key, cursor| member(key, cursor, &element))
    })
}
