//! bindings/node/generated.d.ts and its tables.

use libllm_proto::error::Status;
use libllm_schema::{CONDITIONS, EVENTS, FLAGS, METRICS};

use crate::COMMAND;
use crate::model::{Definition, Field, Model, Shape, Type};

/// Types of what is asked and said.
pub(crate) fn types(model: &Model) -> String {
    let mut out = format!(
        "// {COMMAND}\n\n/** A word of a list that may grow: known words are completed, others pass. */\n\
         export type Open<Known extends string> = Known | (string & {{}});\n"
    );
    for one in &model.types {
        out += &format!("\n/** {} */\n", one.about.replace('\n', " "));
        out += &definition(one, model.is_asked(&one.name));
    }
    let names = |list: Vec<&str>| {
        list.iter()
            .map(|name| format!("'{name}'"))
            .collect::<Vec<_>>()
            .join(" | ")
    };
    let kinds = crate::tables::kinds();
    out += &format!(
        "\n/** Kinds of errors. */\nexport type ErrorKind = Open<{}>;\n",
        names(kinds.iter().map(|kind| kind.name()).collect())
    );
    out += &format!(
        "\n/** Names of metrics. */\nexport type MetricName = Open<{}>;\n",
        names(METRICS.iter().map(|one| one.name).collect())
    );
    let variables = crate::tables::variables();
    out += &format!(
        "\n/** Variables that are read from the environment. */\nexport type VariableName = Open<{}>;\n",
        names(variables.iter().map(|(name, _)| name.as_str()).collect())
    );
    out
}

fn definition(one: &Definition, asked: bool) -> String {
    let name = &one.name;
    match &one.shape {
        Shape::Struct(fields) => {
            let lines: String = fields.iter().map(|one| field(one, asked)).collect();
            // Members that nobody here knows go to the provider as they are.
            let more = match name.as_str() {
                "ChatRequest" | "MessageParam" | "ToolDefinition" => "  [key: string]: unknown;\n",
                _ => "",
            };
            format!("export interface {name} {{\n{lines}{more}}}\n")
        }
        Shape::Words(words) => {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
            format!("export type {name} = Open<{}>;\n", known.join(" | "))
        }
        Shape::Union { tag, variants } => {
            let known: Vec<String> = variants
                .iter()
                .map(|(word, of)| format!("({{ {tag}: '{word}' }} & {of})"))
                .collect();
            format!(
                "export type {name} = {} | Unknown{name};\n\n/** One of a kind that is not known here. */\n\
                 export interface Unknown{name} {{\n  {tag}: string & {{}};\n  [key: string]: unknown;\n}}\n",
                known.join(" | ")
            )
        }
        Shape::Either(types) => {
            let either: Vec<String> = types.iter().map(name_of).collect();
            format!("export type {name} = {};\n", either.join(" | "))
        }
    }
}

fn field(one: &Field, asked: bool) -> String {
    let absent = one.absent || (asked && one.nullable);
    let of = match one.name.as_str() {
        "type" | "role" | "object" if one.of == Type::Text => constant(one),
        _ => name_of(&one.of),
    };
    format!(
        "  /** {} */\n  {}{}: {}{};\n",
        one.about,
        one.name,
        if absent { "?" } else { "" },
        of,
        if one.nullable { " | null" } else { "" }
    )
}

// `Always "x"` and `"x"`: the one word there is.
fn constant(one: &Field) -> String {
    match one.about.split('"').collect::<Vec<_>>()[..] {
        ["" | "Always ", word, "."] => format!("'{word}'"),
        _ => "string".to_owned(),
    }
}

fn name_of(of: &Type) -> String {
    match of {
        Type::Text => "string".to_owned(),
        Type::Flag => "boolean".to_owned(),
        Type::Whole | Type::Real => "number".to_owned(),
        Type::Any => "unknown".to_owned(),
        Type::Object => "Record<string, unknown>".to_owned(),
        Type::Named(name) => name.clone(),
        Type::List(inner) => format!("{}[]", name_of(inner)),
        Type::Map(inner) => format!("Record<string, {}>", name_of(inner)),
    }
}

/// lib/abi.js: the numbers of llm.h.
pub(crate) fn numbers() -> String {
    let mut out = format!(
        "// {COMMAND}\n'use strict';\n// Numbers of llm.h that cross as numbers. test/abi.test.js compares them with the header.\n\nmodule.exports = {{\n"
    );
    for one in EVENTS {
        out += &format!("  {}: {},\n", one.name, one.number);
    }
    out += "\n";
    for one in FLAGS {
        out += &format!("  OPT_{}: {},\n", one.name, one.bit);
    }
    out += "\n";
    for one in Status::ALL.iter().filter(|one| **one as i32 != 0) {
        let name = one.name().trim_start_matches("LLM_");
        out += &format!("  {name}: {},\n", *one as i32);
    }
    out + "\n  METRICS_JSON: 0,\n  METRICS_PROMETHEUS: 1,\n};\n"
}

/// lib/tables.js: which class an error is of, and names.
pub(crate) fn tables() -> String {
    let mut out = format!(
        "// {COMMAND}\n'use strict';\n// Which class an error is of, and the keys of options_json.\n\nmodule.exports = {{\n"
    );
    let by = |title: &str, about: &str, rows: Vec<(String, &str)>| {
        let lines: String = rows
            .iter()
            .map(|(key, class)| format!("    {key}: '{class}',\n"))
            .collect();
        format!("  // {about}\n  {title}: {{\n{lines}  }},\n\n")
    };
    out += &by(
        "byHttp",
        "Two answers of one kind that users tell apart: kind and HTTP status.",
        by_http("'", " "),
    );
    out += &by(
        "byKind",
        "Kinds that are finer than their status.",
        by_kind(""),
    );
    out += &by("byStatus", "All others.", by_status(""));
    let keys = crate::schema::order::<libllm_schema::Options>();
    let lines: String = keys.iter().map(|key| format!("    '{key}',\n")).collect();
    out + &format!("  optionKeys: [\n{lines}  ],\n}};\n")
}

/// Classes of conditions that ask for an HTTP status: `KIND HTTP` and the class.
pub(crate) fn by_http(quote: &str, between: &str) -> Vec<(String, &'static str)> {
    let mut made = Vec::new();
    for one in CONDITIONS {
        let (Some(http), Some(class)) = (one.http, one.class) else {
            continue;
        };
        // The kinds that an answer with this status has: of each status of ours, the plainest.
        for status in one.statuses {
            let kind = match *status {
                "LLM_ERR_BAD_REQUEST" => "invalid_request",
                "LLM_ERR_AUTH" => "auth",
                _ => continue,
            };
            made.push((format!("{quote}{kind}{between}{http}{quote}"), class));
        }
    }
    made
}

/// Classes of conditions that ask for a kind.
pub(crate) fn by_kind(quote: &str) -> Vec<(String, &'static str)> {
    let rows = CONDITIONS.iter().filter(|one| one.http.is_none());
    rows.filter_map(|one| Some((format!("{quote}{}{quote}", one.kind?), one.class?)))
        .collect()
}

/// Classes of conditions of a status alone; the last that names a status is the finest.
pub(crate) fn by_status(quote: &str) -> Vec<(String, &'static str)> {
    let mut made: Vec<(String, &'static str)> = Vec::new();
    let plain = CONDITIONS
        .iter()
        .filter(|one| one.kind.is_none() && one.http.is_none());
    for one in plain {
        let Some(class) = one.class else { continue };
        for status in one.statuses {
            let key = format!("{quote}{status}{quote}");
            match made.iter_mut().find(|(known, _)| *known == key) {
                Some(known) => known.1 = class,
                None => made.push((key, class)),
            }
        }
    }
    made
}
