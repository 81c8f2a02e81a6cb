//! Pieces of answers as Chat Completions prints them.

use super::{Choice, MakeId, ToolCall};
use crate::event::Usage;
use crate::json::write::Object;

pub(super) fn call(choice: &Choice, call: &ToolCall, make_id: MakeId<'_>, object: &mut Object<'_>) {
    match &call.id {
        Some(id) => object.text("id", id),
        None => object.text("id", &make_id(choice.index, call.index)),
    };
    object
        .text("type", "function")
        .object("function", |function| {
            function
                .text("name", &call.name)
                .text("arguments", call.arguments_json());
        });
    // Said only where it is not: such a call must not be run, and no provider takes it back.
    if !call.complete {
        object.flag("complete", false);
    }
}

pub(super) fn usage(usage: &Usage, object: &mut Object<'_>) {
    object
        .count("prompt_tokens", usage.prompt_tokens)
        .count("completion_tokens", usage.completion_tokens)
        .count("total_tokens", usage.total_tokens);
    let mut detail = |place, name, count: Option<u64>| {
        if count.is_some() {
            object.object(place, |detail| {
                detail.count(name, count);
            });
        }
    };
    detail(
        "prompt_tokens_details",
        "cached_tokens",
        usage.cached_tokens,
    );
    detail(
        "completion_tokens_details",
        "reasoning_tokens",
        usage.reasoning_tokens,
    );
}
