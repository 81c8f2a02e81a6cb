//! docs/reference.md: every table, and what each type says.

use libllm_proto::error::{Error, Retry, Status};
use libllm_schema::{CLASSES, CONDITIONS, EVENTS, FLAGS, METRICS};

use crate::model::{Definition, Model, Shape, Type};
use crate::{COMMAND, tables};

/// The page.
pub(crate) fn page(model: &Model) -> String {
    let mut out = format!("<!-- {COMMAND} -->\n# Reference\n");
    out += "\nWhat all languages share: kinds of errors and their classes, kinds of events and their JSON, options, variables and metrics.\n\
            The same as JSON Schema: [llm.schema.json](../schema/llm.schema.json). A newer library may say more: unknown words, fields and events are no errors.\n";
    out += &errors();
    out += "\n## Events\n| event | number | `data` | |\n|---|---|---|---|\n";
    for one in EVENTS {
        out += &format!(
            "| {} | {} | {} | {} |\n",
            one.name,
            one.number,
            tables::carries(one.carries),
            one.about
        );
    }
    out += "\n## Options of one request\nKeys of `options_json`, beside the fields of `llm_options`.\n";
    if let Some(one) = model.named("Options") {
        out += &fields(one, model);
    }
    out += "\n| flag | bit | |\n|---|---|---|\n";
    for one in FLAGS {
        out += &format!("| `LLM_OPT_{}` | {} | {} |\n", one.name, one.bit, one.about);
    }
    out += "\n## Variables\n| variable | |\n|---|---|\n";
    for (name, about) in tables::variables() {
        out += &format!("| `{name}` | {about} |\n");
    }
    out += "\n## Metrics\nIn Prometheus text `libllm_` stands before each name. [observability.md](observability.md) says more.\n\n| metric | kind | by | |\n|---|---|---|---|\n";
    for one in METRICS {
        out += &format!(
            "| `{}` | {} | {} | {} |\n",
            one.name,
            one.kind.name(),
            one.labels.join(", "),
            one.about
        );
    }
    out += "\n## Types\n";
    for one in &model.types {
        if one.name != "Options" {
            out += &format!("\n### {}\n{}\n", one.name, one.about);
            out += &shape(one, model);
        }
    }
    out
}

fn errors() -> String {
    let mut out = "\n## Errors\nWhich class an error is of follows from its kind, and of two kinds from the HTTP status. In Go one error is all \
                   the values that are named.\n\n| kind | status | class in Python and TypeScript | Go | tried again |\n|---|---|---|---|---|\n"
        .to_owned();
    for kind in tables::kinds() {
        let (name, status) = (kind.name(), kind.status().name());
        let holds = |http| {
            CONDITIONS
                .iter()
                .filter(move |one| one.holds(status, name, http))
        };
        let fine = holds(None).filter(|one| one.kind.is_some() && one.class.is_some());
        let class = fine
            .chain(holds(None))
            .filter_map(|one| one.class)
            .next()
            .unwrap_or("InternalError");
        // Of a status alone, the last is the finest.
        let class = match holds(None).any(|one| one.kind.is_some() && one.class.is_some()) {
            true => class,
            false => holds(None)
                .filter(|one| one.kind.is_none())
                .filter_map(|one| one.class)
                .next_back()
                .unwrap_or("InternalError"),
        };
        let go: Vec<&str> = holds(None)
            .map(|one| one.go)
            .filter(|name| !name.is_empty())
            .collect();
        let again = match Error::new(kind, "").retry() {
            Retry::Never => "no",
            Retry::Elsewhere => "elsewhere",
            Retry::Backoff => "after a while",
            Retry::Once => "once",
            Retry::After(_) => "after the time that was told",
        };
        out += &format!(
            "| `{name}` | {status} | {class} | {} | {again} |\n",
            go.join(", ")
        );
    }
    out += "\n| with HTTP status | class | Go |\n|---|---|---|\n";
    for one in CONDITIONS {
        if let (Some(http), Some(class)) = (one.http, one.class) {
            out += &format!("| {http} | {class} | {} |\n", one.go);
        }
    }
    out += "\n| class | is a | |\n|---|---|---|\n";
    for one in CLASSES {
        out += &format!("| {} | {} | {} |\n", one.name, one.base, one.about);
    }
    out += "\n| status | number |\n|---|---|\n";
    for one in Status::ALL {
        out += &format!("| `{}` | {} |\n", one.name(), *one as i32);
    }
    out
}

fn shape(one: &Definition, model: &Model) -> String {
    match &one.shape {
        Shape::Struct(_) => fields(one, model),
        Shape::Words(words) => {
            let rows: String = words
                .iter()
                .map(|(word, about)| format!("| `{word}` | {about} |\n"))
                .collect();
            format!("\n| word | |\n|---|---|\n{rows}")
        }
        Shape::Union { tag, variants } => {
            let rows: String = variants
                .iter()
                .map(|(word, of)| format!("| `{word}` | {of} |\n"))
                .collect();
            format!("\n| `{tag}` | type |\n|---|---|\n{rows}")
        }
        Shape::Either(types) => {
            let names: Vec<String> = types.iter().map(name_of).collect();
            format!("\n{}.\n", names.join(" or "))
        }
    }
}

fn fields(one: &Definition, _: &Model) -> String {
    let Shape::Struct(fields) = &one.shape else {
        return String::new();
    };
    let rows: String = fields
        .iter()
        .map(|field| {
            let null = if field.nullable { " or null" } else { "" };
            format!(
                "| `{}` | {}{null} | {} |\n",
                field.name,
                name_of(&field.of),
                field.about
            )
        })
        .collect();
    format!("\n| field | type | |\n|---|---|---|\n{rows}")
}

fn name_of(of: &Type) -> String {
    match of {
        Type::Text => "string".to_owned(),
        Type::Flag => "boolean".to_owned(),
        Type::Whole => "whole number".to_owned(),
        Type::Real => "number".to_owned(),
        Type::Any => "JSON".to_owned(),
        Type::Object => "object".to_owned(),
        Type::Named(name) => format!("[{name}](#{})", name.to_lowercase()),
        Type::List(inner) => format!("list of {}", name_of(inner)),
        Type::Map(inner) => format!("object of {}", name_of(inner)),
    }
}
