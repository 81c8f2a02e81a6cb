//! The generated files of bindings/go. Each field has its comment above it, so that nothing needs aligning.

use libllm_schema::{CONDITIONS, EVENTS, FLAGS, METRICS};

use crate::COMMAND;
use crate::model::{Definition, Field, Model, Shape, Type};

/// bindings/go/schema/schema.go: what is asked and said, for encoding/json.
pub(crate) fn types(model: &Model) -> String {
    let mut out = format!(
        "// {COMMAND}\n\n// Package schema has the JSON that libllm says and takes as Go types, for those who want all of it: Done.JSON and\n\
         // Error.JSON of package llm are of the types Done and Failure here.\n//\n// Words and fields of a newer library never fail to \
         decode: words are kept, fields that nobody knows are skipped.\npackage schema\n\nimport \"encoding/json\"\n"
    );
    for one in &model.types {
        out += "\n";
        out += &definition(one, model);
    }
    out += "\n// Variable is one that the library reads from the environment.\ntype Variable struct {\n\tName string\n\t// What it says.\n\tAbout string\n}\n\n\
            // Variables are all that are read, the library's own first.\nvar Variables = []Variable{\n";
    for (name, about) in crate::tables::variables() {
        out += &format!("\t{{{name:?}, {about:?}}},\n");
    }
    out + "}\n"
}

fn definition(one: &Definition, model: &Model) -> String {
    let name = &one.name;
    let about = format!("// {name}: {}\n", one.about.replace('\n', " "));
    match &one.shape {
        Shape::Struct(fields) => {
            let lines: String = fields.iter().map(|one| field(one, model)).collect();
            format!("{about}type {name} struct {{\n{lines}}}\n")
        }
        Shape::Words(words) => {
            let lines: String = words
                .iter()
                .map(|(word, about)| {
                    format!(
                        "\t// {about}\n\t{name}{} {name} = \"{word}\"\n",
                        camel(word)
                    )
                })
                .collect();
            format!("{about}type {name} string\n\n// Words that are known.\nconst (\n{lines})\n")
        }
        Shape::Union { tag, variants } => about + &union(name, tag, variants),
        Shape::Either(types) => about + &either(name, types, model),
    }
}

fn field(one: &Field, model: &Model) -> String {
    let words = |name: &str| {
        matches!(
            model.named(name).map(|one| &one.shape),
            Some(Shape::Words(_))
        )
    };
    let pointed = match &one.of {
        Type::Text | Type::Flag | Type::Whole | Type::Real => one.nullable,
        Type::Named(name) => one.nullable && !words(name),
        _ => false,
    };
    let star = if pointed { "*" } else { "" };
    let empty = if one.nullable || one.absent || one.of == Type::Any {
        ",omitempty"
    } else {
        ""
    };
    format!(
        "\t// {}\n\t{} {star}{} `json:\"{}{empty}\"`\n",
        one.about,
        camel(&one.name),
        name_of(&one.of, model),
        one.name
    )
}

fn name_of(of: &Type, model: &Model) -> String {
    match of {
        Type::Text => "string".to_owned(),
        Type::Flag => "bool".to_owned(),
        Type::Whole => "int64".to_owned(),
        Type::Real => "float64".to_owned(),
        Type::Any => "json.RawMessage".to_owned(),
        Type::Object => "map[string]any".to_owned(),
        Type::Named(name) => name.clone(),
        Type::List(inner) => match inner.as_ref() {
            Type::Named(name) if is_union(name, model) => format!("{name}s"),
            other => format!("[]{}", name_of(other, model)),
        },
        Type::Map(inner) => format!("map[string]{}", name_of(inner, model)),
    }
}

fn is_union(name: &str, model: &Model) -> bool {
    matches!(
        model.named(name).map(|one| &one.shape),
        Some(Shape::Union { .. })
    )
}

fn union(name: &str, tag: &str, variants: &[(String, String)]) -> String {
    let mut lower = name.to_owned();
    lower[..1].make_ascii_lowercase();
    let mut out = format!(
        "type {name} interface{{ {lower}() }}\n\n// Unknown{name} is one of a kind that is not known here, as it came.\n\
         type Unknown{name} struct{{ Raw json.RawMessage }}\n\nfunc (Unknown{name}) {lower}() {{}}\n\n\
         // MarshalJSON writes it as it came.\nfunc (p Unknown{name}) MarshalJSON() ([]byte, error) {{ return p.Raw, nil }}\n"
    );
    for (word, of) in variants {
        out += &format!(
            "\nfunc ({of}) {lower}() {{}}\n\n// MarshalJSON adds what kind it is.\nfunc (p {of}) MarshalJSON() ([]byte, error) {{\n\
             \ttype plain {of}\n\treturn json.Marshal(struct {{\n\t\tType string `json:\"{tag}\"`\n\t\tplain\n\t}}{{\"{word}\", plain(p)}})\n}}\n"
        );
    }
    out += &format!(
        "\n// {name}s are several, each of its kind.\ntype {name}s []{name}\n\n\
         // UnmarshalJSON reads each by what it says it is.\nfunc (list *{name}s) UnmarshalJSON(text []byte) error {{\n\
         \tvar raw []json.RawMessage\n\tif err := json.Unmarshal(text, &raw); err != nil {{\n\t\treturn err\n\t}}\n\
         \t*list = make({name}s, 0, len(raw))\n\tfor _, one := range raw {{\n\t\t*list = append(*list, read{name}(one))\n\t}}\n\treturn nil\n}}\n\n\
         func read{name}(text json.RawMessage) {name} {{\n\tvar kind struct {{\n\t\tType string `json:\"{tag}\"`\n\t}}\n\
         \t// What has no kind is of none that is known.\n\t_ = json.Unmarshal(text, &kind)\n\tswitch kind.Type {{\n"
    );
    for (word, of) in variants {
        out += &format!(
            "\tcase \"{word}\":\n\t\tvar part {of}\n\t\tif json.Unmarshal(text, &part) == nil {{\n\t\t\treturn part\n\t\t}}\n"
        );
    }
    out + &format!("\t}}\n\treturn Unknown{name}{{text}}\n}}\n")
}

// Text, or something else: which, the JSON tells.
fn either(name: &str, types: &[Type], model: &Model) -> String {
    let other = types
        .iter()
        .find(|of| **of != Type::Text)
        .unwrap_or(&Type::Any);
    let of = name_of(other, model);
    format!(
        "type {name} struct {{\n\t// Text, if it is text.\n\tText *string\n\t// Else, if it is not.\n\tElse {of}\n\
         \t// Raw is what is neither.\n\tRaw json.RawMessage\n}}\n\n\
         // MarshalJSON writes what is there.\nfunc (v {name}) MarshalJSON() ([]byte, error) {{\n\tswitch {{\n\tcase v.Text != nil:\n\
         \t\treturn json.Marshal(*v.Text)\n\tcase v.Raw != nil:\n\t\treturn v.Raw, nil\n\t}}\n\treturn json.Marshal(v.Else)\n}}\n\n\
         // UnmarshalJSON reads what is there.\nfunc (v *{name}) UnmarshalJSON(text []byte) error {{\n\t*v = {name}{{}}\n\
         \tif len(text) > 0 && text[0] == '\"' {{\n\t\treturn json.Unmarshal(text, &v.Text)\n\t}}\n\
         \tif json.Unmarshal(text, &v.Else) != nil {{\n\t\t*v = {name}{{Raw: append(json.RawMessage(nil), text...)}}\n\t}}\n\treturn nil\n}}\n"
    )
}

/// `http_status` as Go writes it: HTTPStatus.
fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| match word {
            "id" | "url" | "http" | "json" | "api" | "ttft" | "n" => word.to_uppercase(),
            "microusd" => "MicroUSD".to_owned(),
            _ => {
                let mut word = word.to_owned();
                word[..1].make_ascii_uppercase();
                word
            }
        })
        .collect()
}

/// bindings/go/conditions.go: what errors.Is compares with.
pub(crate) fn conditions() -> String {
    let mut out = format!(
        "// {COMMAND}\n\npackage llm\n\n// What a failed call is compared with by errors.Is. One error may stand for several: a 404 is \
         ErrBadRequest and ErrNotFound, a\n// timeout is ErrConnection, ErrTimeout and context.DeadlineExceeded. That the caller stopped \
         is context.Canceled.\nvar (\n"
    );
    for one in CONDITIONS.iter().filter(|one| !one.go.is_empty()) {
        let statuses: Vec<String> = one.statuses.iter().map(|name| status(name)).collect();
        let mut about = one.statuses.join(" or ");
        let mut made = format!("of(\"{}\", {})", one.text, statuses.join(", "));
        if let Some(kind) = one.kind {
            about += &format!(" of kind {kind}");
            made = format!("refined(\"{}\", {}, \"{kind}\")", one.text, statuses[0]);
        }
        if let Some(http) = one.http {
            about += &format!(" with HTTP status {http}");
            made = format!("answered(\"{}\", {}, {http})", one.text, statuses[0]);
        }
        out += &format!("\t// {} is {about}.\n\t{} error = {made}\n", one.go, one.go);
    }
    out + ")\n"
}

// LLM_ERR_BAD_REQUEST in Go: StatusBadRequest.
fn status(name: &str) -> String {
    let name = name.trim_start_matches("LLM_").trim_start_matches("ERR_");
    format!("Status{}", pascal(&name.to_lowercase()))
}

fn pascal(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut word = word.to_owned();
            word[..1].make_ascii_uppercase();
            word
        })
        .collect()
}

/// bindings/go/generated.go: numbers of llm.h, and names.
pub(crate) fn tables(_: &Model) -> String {
    let mut out = format!("// {COMMAND}\n\npackage llm\n\n// #include <llm.h>\nimport \"C\"\n");
    out += "\n// What an event carries; numbers of llm_event_type.\nconst (\n";
    for one in EVENTS {
        let name = pascal(&one.name.to_lowercase());
        out += &format!(
            "\t// {}\n\tkind{name} = C.LLM_EVENT_{}\n",
            one.about, one.name
        );
    }
    out += ")\n\n// Flags of a request.\nconst (\n";
    for one in FLAGS {
        let name = pascal(&one.name.to_lowercase());
        out += &format!(
            "\t// {}\n\tflag{name} = C.LLM_OPT_{}\n",
            one.about, one.name
        );
    }
    out += ")\n\n// Error.Kind of what the library knows; a newer one may say others.\nconst (\n";
    for kind in crate::tables::kinds() {
        let name = pascal(kind.name());
        out += &format!(
            "\t// Kind{name} has {}.\n\tKind{name} = \"{}\"\n",
            kind.status().name(),
            kind.name()
        );
    }
    out += ")\n\n// Names of what Client.Metrics tells.\nconst (\n";
    for one in METRICS {
        let name = pascal(one.name);
        out += &format!("\t// {}\n\tMetric{name} = \"{}\"\n", one.about, one.name);
    }
    out += ")\n\n// Keys that WithOption takes.\nconst (\n";
    for key in crate::schema::order::<libllm_schema::Options>() {
        let name = pascal(key);
        out += &format!(
            "\t// Option{name} is the key {key} of options_json.\n\tOption{name} = \"{key}\"\n"
        );
    }
    out + ")\n"
}
