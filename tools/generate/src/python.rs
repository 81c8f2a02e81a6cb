//! The generated modules of bindings/python.

use libllm_proto::error::Status;
use libllm_schema::{Carries, EVENTS, FLAGS, METRICS};

use crate::COMMAND;
use crate::model::{Definition, Field, Model, Shape, Type};
use crate::typescript::{by_http, by_kind, by_status};

/// libllm/schema.py: what the library says, as TypedDicts and dataclasses.
pub(crate) fn types(model: &Model) -> String {
    let said: Vec<&Definition> = model
        .types
        .iter()
        .filter(|one| !model.is_asked(&one.name))
        .collect();
    let mut out = format!(
        "# {COMMAND}\n\"\"\"What the library says in JSON: TypedDicts of its shapes, and dataclasses that read them.\n\n\
         Words and fields of a newer library never fail: words are kept, fields that nobody knows are skipped.\n\"\"\"\n\n\
         from __future__ import annotations\n\nfrom collections.abc import Mapping\nfrom dataclasses import dataclass, field\n\
         from typing import Any, Literal, TypeAlias, TypedDict\n"
    );
    for one in &said {
        if let Shape::Words(words) = &one.shape {
            out += &alias(one, words);
        }
    }
    for one in &said {
        if let Shape::Struct(fields) = &one.shape {
            out += &dict(
                &format!("{}Dict", one.name),
                "TypedDict, total=False",
                &one.about,
                fields.iter(),
                &|of| said_dict(of, model),
            );
        }
    }
    for one in &said {
        if let Shape::Struct(fields) = &one.shape {
            out += &class(one, fields, model);
        }
    }
    out += "\n\n#: Variables that are read from the environment, and what each says; the library's own first.\nVARIABLES: Mapping[str, str] = {\n";
    for (name, about) in crate::tables::variables() {
        let line = format!("    {name:?}: {about:?},\n");
        // In the layout of `ruff format`, whose lines have 120 characters at most.
        out += &match line.len() {
            ..=121 => line,
            _ => {
                // What several providers call it.
                let lines: Vec<String> = about
                    .split_inclusive("; ")
                    .map(|one| format!("        {one:?}\n"))
                    .collect();
                format!("    {name:?}: (\n{}    ),\n", lines.concat())
            }
        };
    }
    out + "}\n"
}

// In the layout of `ruff format`, whose lines have 120 characters at most.
fn alias(one: &Definition, words: &[(String, String)]) -> String {
    let of = format!("{} | str", literal(words));
    let line = format!("{}: TypeAlias = {of}", one.name);
    let line = match line.len() {
        ..=120 => line,
        _ => format!("{}: TypeAlias = (\n    {of}\n)", one.name),
    };
    format!("\n#: {}\n{line}\n", one.about)
}

fn literal(words: &[(String, String)]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|(word, _)| format!("\"{word}\""))
        .collect();
    format!("Literal[{}]", words.join(", "))
}

fn dict<'a>(
    name: &str,
    bases: &str,
    about: &str,
    fields: impl Iterator<Item = &'a Field>,
    of: &dyn Fn(&Type) -> String,
) -> String {
    let mut out = format!("\n\nclass {name}({bases}):\n    \"\"\"{about}\"\"\"\n\n");
    for one in fields {
        out += &format!(
            "    #: {}\n    {}: {}{}\n",
            one.about,
            one.name,
            of(&one.of),
            if one.nullable { " | None" } else { "" }
        );
    }
    out
}

fn said_dict(of: &Type, model: &Model) -> String {
    match of {
        Type::Named(name) if is_words(name, model) => name.clone(),
        Type::Named(name) => format!("{name}Dict"),
        Type::List(inner) => format!("list[{}]", said_dict(inner, model)),
        other => plain(other),
    }
}

fn is_words(name: &str, model: &Model) -> bool {
    matches!(
        model.named(name).map(|one| &one.shape),
        Some(Shape::Words(_))
    )
}

fn plain(of: &Type) -> String {
    match of {
        Type::Text => "str".to_owned(),
        Type::Flag => "bool".to_owned(),
        Type::Whole => "int".to_owned(),
        Type::Real => "float".to_owned(),
        Type::Any => "Any".to_owned(),
        Type::Object => "dict[str, Any]".to_owned(),
        Type::Named(name) => name.clone(),
        Type::List(inner) => format!("list[{}]", plain(inner)),
        Type::Map(inner) => format!("dict[str, {}]", plain(inner)),
    }
}

fn class(one: &Definition, fields: &[Field], model: &Model) -> String {
    let mut out = format!(
        "\n\n@dataclass(slots=True)\nclass {}:\n    \"\"\"{}\"\"\"\n\n",
        one.name, one.about
    );
    for each in fields {
        let default = match (&each.of, each.nullable) {
            (Type::Any, _) | (_, true) => "None".to_owned(),
            (Type::Text, _) => "\"\"".to_owned(),
            (Type::Flag, _) => "False".to_owned(),
            (Type::Whole, _) => "0".to_owned(),
            (Type::Real, _) => "0.0".to_owned(),
            (Type::List(_), _) => "field(default_factory=list)".to_owned(),
            (Type::Object | Type::Map(_), _) => "field(default_factory=dict)".to_owned(),
            (Type::Named(name), _) if words(name, model) => "\"\"".to_owned(),
            (Type::Named(name), _) => {
                format!("field(default_factory=lambda: {name}())")
            }
        };
        out += &format!(
            "    #: {}\n    {}: {}{} = {default}\n",
            each.about,
            each.name,
            plain(&each.of),
            if each.nullable { " | None" } else { "" }
        );
    }
    out += &format!(
        "\n    @classmethod\n    def from_dict(cls, told: Mapping[str, Any]) -> {}:\n        \
         \"\"\"Reads parsed JSON.\"\"\"\n        return cls(\n",
        one.name
    );
    for each in fields {
        out += &format!("            {}={},\n", each.name, read(each, model));
    }
    out + "        )\n"
}

fn read(one: &Field, model: &Model) -> String {
    let get = format!("told.get(\"{}\")", one.name);
    match (&one.of, one.nullable) {
        (Type::Named(name), false) if !words(name, model) => {
            format!("{name}.from_dict({get} or {{}})")
        }
        (Type::Named(name), true) if !words(name, model) => {
            format!(
                "{name}.from_dict(told[\"{}\"]) if {get} else None",
                one.name
            )
        }
        (Type::List(inner), _) => match inner.as_ref() {
            Type::Named(name) => format!("[{name}.from_dict(each) for each in {get} or ()]"),
            _ => format!("list({get} or ())"),
        },
        (Type::Any, _) | (_, true) => get,
        (Type::Text | Type::Named(_), _) => format!("{get} or \"\""),
        (Type::Flag, _) => format!("bool({get})"),
        (Type::Whole, _) => format!("{get} or 0"),
        (Type::Real, _) => format!("{get} or 0.0"),
        (Type::Object | Type::Map(_), _) => format!("dict({get} or {{}})"),
    }
}

fn words(name: &str, model: &Model) -> bool {
    matches!(
        model.named(name).map(|one| &one.shape),
        Some(Shape::Words(_))
    )
}

/// libllm/_requests.py: what is asked, as TypedDicts.
pub(crate) fn requests(model: &Model) -> String {
    let mut out = format!(
        "# {COMMAND}\n\"\"\"Requests as TypedDicts. At run time they are plain dicts; unknown keys pass.\"\"\"\n\n\
         from __future__ import annotations\n\nfrom collections.abc import Mapping, Sequence\n\
         from typing import Any, Literal, TypeAlias, TypedDict\n"
    );
    let part_of = |one: &&Definition| {
        let answered = ["ToolCallParam", "FunctionCall"].contains(&one.name.as_str());
        (model.is_asked(&one.name) && one.name != "Options") || answered
    };
    let asked: Vec<&Definition> = model.types.iter().filter(part_of).collect();
    for one in &asked {
        if let Shape::Words(known) = &one.shape
            && !["OnPartial", "Unsupported"].contains(&one.name.as_str())
        {
            out += &alias(one, known);
        }
    }
    for one in &asked {
        if let Shape::Struct(fields) = &one.shape {
            out += &request(one, fields, model);
        }
    }
    out += "\n";
    for one in &asked {
        match &one.shape {
            Shape::Union { variants, .. } => {
                let names: Vec<&str> = variants.iter().map(|(_, name)| name.as_str()).collect();
                out += &format!(
                    "\n#: {}\n{}: TypeAlias = \"{} | Mapping[str, Any]\"\n",
                    one.about,
                    one.name,
                    names.join(" | ")
                );
            }
            Shape::Either(types) => {
                let names: Vec<String> = types.iter().map(|of| wanted(of, model)).collect();
                out += &format!(
                    "\n#: {}\n{}: TypeAlias = \"{}\"\n",
                    one.about,
                    one.name,
                    names.join(" | ")
                );
            }
            _ => {}
        }
    }
    out
}

fn request(one: &Definition, fields: &[Field], model: &Model) -> String {
    let of = |of: &Type| wanted(of, model);
    let tag = tag_of(&one.name, model);
    let tagged = tag.map(|word| Field {
        name: "type".to_owned(),
        about: format!("\"{word}\"."),
        of: Type::Text,
        nullable: false,
        absent: false,
    });
    let all = || tagged.iter().chain(fields);
    // Messages may stand beside the request: `client.chat(request, messages)`.
    let must = |field: &&Field| !field.nullable && one.name != "ChatRequest";
    let (name, about) = (&one.name, &one.about);
    match (
        all().any(|field| must(&field)),
        all().all(|field| must(&field)),
    ) {
        (true, true) => dict(name, "TypedDict", about, all(), &of),
        (true, false) => {
            let base = format!("_{name}");
            dict(&base, "TypedDict", about, all().filter(must), &of)
                + &dict(
                    name,
                    &format!("{base}, total=False"),
                    about,
                    all().filter(|field| !must(field)),
                    &of,
                )
        }
        (false, _) => dict(name, "TypedDict, total=False", about, all(), &of),
    }
}

fn tag_of<'a>(name: &str, model: &'a Model) -> Option<&'a str> {
    model.types.iter().find_map(|one| match &one.shape {
        Shape::Union { variants, .. } => variants
            .iter()
            .find(|(_, of)| of == name)
            .map(|(word, _)| word.as_str()),
        _ => None,
    })
}

fn wanted(of: &Type, model: &Model) -> String {
    match of {
        Type::Named(name) => match model.named(name).map(|one| &one.shape) {
            Some(Shape::Struct(_)) => format!("{name} | Mapping[str, Any]"),
            _ => name.clone(),
        },
        Type::List(inner) => format!("Sequence[{}]", wanted(inner, model)),
        Type::Object => "Mapping[str, Any]".to_owned(),
        Type::Map(inner) => format!("Mapping[str, {}]", wanted(inner, model)),
        other => plain(other),
    }
}

/// libllm/_abi.py: the numbers of llm.h.
pub(crate) fn numbers() -> String {
    let mut out = format!(
        "# {COMMAND}\n\"\"\"The numbers of llm.h.\"\"\"\n\nfrom __future__ import annotations\n\nABI_VERSION = 1\n\n"
    );
    for one in EVENTS {
        out += &format!("{} = {}\n", one.name, one.number);
    }
    let set = |chosen: fn(&libllm_schema::EventKind) -> bool| {
        let names: Vec<&str> = EVENTS
            .iter()
            .filter(|one| chosen(one))
            .map(|one| one.name)
            .collect();
        names.join(", ")
    };
    out += "\n# Deltas that may be joined with what follows them, and kinds whose data need not be text.\n";
    out += &format!("JOINED = frozenset(({}))\n", set(|one| one.joins));
    out += &format!(
        "BINARY = frozenset(({}))\n\n",
        set(|one| one.carries == Carries::Bytes)
    );
    for one in FLAGS {
        out += &format!("OPT_{} = {}\n", one.name, one.bit);
    }
    out += "\n";
    for one in Status::ALL.iter().filter(|one| **one as i32 != 0) {
        let name = one.name().trim_start_matches("LLM_");
        out += &format!("{name} = {}\n", *one as i32);
    }
    out += "\n";
    for (number, name) in ["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"]
        .iter()
        .enumerate()
    {
        out += &format!("LOG_{name} = {number}\n");
    }
    out
}

/// libllm/_tables.py: which class an error is of, and names.
pub(crate) fn tables() -> String {
    let table = |name: &str, of: &str, about: &str, rows: Vec<(String, &str)>| {
        let lines: String = rows
            .iter()
            .map(|(key, class)| format!("    {key}: \"{class}\",\n"))
            .collect();
        format!("\n# {about}\n{name}: dict[{of}, str] = {{\n{lines}}}\n")
    };
    let mut out = format!(
        "# {COMMAND}\n\"\"\"Which class an error is of, and names of what the library takes and tells.\"\"\"\n\nfrom __future__ import annotations\n"
    );
    let http = by_http("", "|")
        .into_iter()
        .filter_map(|(key, class)| {
            let (kind, status) = key.split_once('|')?;
            Some((format!("(\"{kind}\", {status})"), class))
        })
        .collect();
    out += &table(
        "BY_HTTP",
        "tuple[str, int]",
        "Two answers of one kind that users tell apart.",
        http,
    );
    out += &table(
        "BY_KIND",
        "str",
        "Kinds that are finer than their status.",
        by_kind("\""),
    );
    out += &table("BY_STATUS", "str", "All others.", by_status("\""));
    let names = |title: &str, about: &str, names: Vec<&str>| {
        let lines: String = names
            .iter()
            .map(|name| format!("        \"{name}\",\n"))
            .collect();
        format!("\n# {about}\n{title} = frozenset(\n    (\n{lines}    )\n)\n")
    };
    out += &names("OPTION_KEYS", "Keys of options_json.", option_keys());
    out += &names(
        "KINDS",
        "Kinds of errors.",
        crate::tables::kinds()
            .iter()
            .map(|kind| kind.name())
            .collect(),
    );
    out += &names(
        "METRICS",
        "Names of metrics.",
        METRICS.iter().map(|one| one.name).collect(),
    );
    out
}

fn option_keys() -> Vec<&'static str> {
    crate::schema::order::<libllm_schema::Options>()
}
