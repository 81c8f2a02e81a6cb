//! include/llm_schema.hpp: what the library says, as structs beside llm.hpp.

use libllm_schema::METRICS;

use crate::COMMAND;
use crate::model::{Definition, Field, Model, Shape, Type};

/// The header.
pub(crate) fn types(model: &Model) -> String {
    let mut out = format!(
        "// {COMMAND}\n//\n// llm_schema.hpp - what libllm says in JSON, as structs, for C++17 and later. Beside llm.hpp, whose reader it uses:\n\
         //     const auto done = llm::schema::Done::parse(stream.summary());\n\
         //     const auto why = llm::schema::Failure::parse(error.json());\n\
         // Words and fields of a newer library never fail: words are kept, fields that nobody knows are skipped, and what has another\n\
         // shape than expected reads as nothing. Any other JSON is kept as text.\n// SPDX-License-Identifier: Apache-2.0 OR MIT\n\
         #ifndef LLM_SCHEMA_HPP\n#define LLM_SCHEMA_HPP\n\n#include \"llm.hpp\"\n\n#include <charconv>\n#include <cstdint>\n#include <cstdlib>\n\
         #include <optional>\n#include <string>\n#include <string_view>\n#include <system_error>\n#include <vector>\n\n\
         namespace llm::schema {{\n{READERS}"
    );
    let mut done: Vec<&str> = Vec::new();
    let said: Vec<&Definition> = model
        .types
        .iter()
        .filter(|one| !model.is_asked(&one.name))
        .collect();
    for one in &said {
        if let Shape::Words(words) = &one.shape {
            out += &format!(
                "\n/// {} Words that are known; others may come.\nnamespace words::{} {{\n",
                one.about,
                snake(&one.name)
            );
            for (word, about) in words {
                out += &format!(
                    "/// {about}\ninline constexpr std::string_view {} = \"{word}\";\n",
                    safe(word)
                );
            }
            out += &format!("}} // namespace words::{}\n", snake(&one.name));
        }
    }
    // A struct after those that it holds.
    while let Some(next) = said
        .iter()
        .find(|one| !done.contains(&one.name.as_str()) && ready(one, &done, model))
    {
        done.push(&next.name);
        if let Shape::Struct(fields) = &next.shape {
            out += &structure(next, fields, model);
        }
    }
    out + &names() + "\n} // namespace llm::schema\n\n#endif // LLM_SCHEMA_HPP\n"
}

/// Keys of options, metrics and variables.
fn names() -> String {
    let mut out = "\n/// Keys that options::set takes.\nnamespace options {\n".to_owned();
    for key in crate::schema::order::<libllm_schema::Options>() {
        out += &format!(
            "inline constexpr std::string_view {} = \"{key}\";\n",
            safe(key)
        );
    }
    out +=
        "} // namespace options\n\n/// Names of what client::metrics tells.\nnamespace metrics {\n";
    for one in METRICS {
        out += &format!(
            "/// {}\ninline constexpr std::string_view {name} = \"{name}\";\n",
            one.about,
            name = one.name
        );
    }
    out += "} // namespace metrics\n\n/// A variable that is read from the environment, and what it says.\n\
            struct variable {\n    std::string_view name, about;\n};\n/// All of them, the library's own first.\n\
            inline constexpr variable variables[] = {\n";
    for (name, about) in crate::tables::variables() {
        out += &format!("    {{{name:?}, {about:?}}},\n");
    }
    out + "};\n"
}

fn ready(one: &Definition, done: &[&str], model: &Model) -> bool {
    let Shape::Struct(fields) = &one.shape else {
        return true;
    };
    fields.iter().all(|field| {
        crate::model::named_in(&field.of)
            .is_none_or(|name| is_words(name, model) || done.contains(&name))
    })
}

fn is_words(name: &str, model: &Model) -> bool {
    matches!(
        model.named(name).map(|one| &one.shape),
        Some(Shape::Words(_))
    )
}

fn structure(one: &Definition, fields: &[Field], model: &Model) -> String {
    let name = &one.name;
    let mut out = format!("\n/// {}\nstruct {name} {{\n", one.about);
    for each in fields {
        let of = name_of(&each.of, model);
        let of = if each.nullable {
            format!("std::optional<{of}>")
        } else {
            of
        };
        let initial = match (&each.of, each.nullable) {
            (Type::Flag, false) => " = false",
            (Type::Whole | Type::Real, false) => " = 0",
            _ => "",
        };
        out += &format!(
            "    /// {}\n    {of} {}{initial};\n",
            each.about,
            safe(&each.name)
        );
    }
    out += &format!(
        "\n    /// Reads JSON.\n    static {name} parse(std::string_view text)\n    {{\n        {name} made;\n"
    );
    for each in fields {
        out += &format!(
            "        detail::read(json::member(text, \"{}\"), made.{});\n",
            each.name,
            safe(&each.name)
        );
    }
    out + "        return made;\n    }\n};\n"
}

fn name_of(of: &Type, model: &Model) -> String {
    match of {
        Type::Text => "std::string".to_owned(),
        Type::Flag => "bool".to_owned(),
        Type::Whole => "std::int64_t".to_owned(),
        Type::Real => "double".to_owned(),
        Type::Any | Type::Object | Type::Map(_) => "any_json".to_owned(),
        Type::Named(name) if is_words(name, model) => "std::string".to_owned(),
        Type::Named(name) => name.clone(),
        Type::List(inner) => format!("std::vector<{}>", name_of(inner, model)),
    }
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

// Names that C++ keeps for itself.
fn safe(name: &str) -> String {
    match name {
        "auto" | "break" | "case" | "catch" | "class" | "const" | "continue" | "default"
        | "delete" | "do" | "else" | "enum" | "explicit" | "export" | "extern" | "false"
        | "for" | "friend" | "goto" | "if" | "inline" | "namespace" | "new" | "not"
        | "operator" | "or" | "private" | "protected" | "public" | "register" | "return"
        | "static" | "struct" | "switch" | "template" | "this" | "throw" | "true" | "try"
        | "typename" | "union" | "using" | "virtual" | "void" | "volatile" | "while" | "xor" => {
            format!("{name}_")
        }
        _ => name.to_owned(),
    }
}

const READERS: &str = r#"
/// JSON that has no struct of its own, as it is written; empty if there is none.
struct any_json {
    std::string text;
};

namespace detail {

// Nothing, and null, leave what is there.
inline bool nothing(std::string_view value) { return value.empty() || value == "null"; }

inline void read(std::string_view value, std::string &out)
{
    if (!value.empty() && value.front() == '"')
        out = json::text(value);
}
inline void read(std::string_view value, bool &out) { out = value == "true"; }
inline void read(std::string_view value, std::int64_t &out)
{
    std::int64_t number = 0;
    if (std::from_chars(value.data(), value.data() + value.size(), number).ec == std::errc())
        out = number;
}
inline void read(std::string_view value, double &out)
{
    if (!nothing(value))
        out = std::strtod(std::string(value).c_str(), nullptr);
}
inline void read(std::string_view value, any_json &out)
{
    if (!nothing(value))
        out.text.assign(value);
}
template <class T> auto read(std::string_view value, T &out) -> decltype(T::parse(value), void())
{
    if (!nothing(value))
        out = T::parse(value);
}
template <class T> void read(std::string_view value, std::vector<T> &out)
{
    std::string_view one;
    for (std::size_t i = 0; !(one = json::item(value, i)).empty(); i++) {
        out.emplace_back();
        read(one, out.back());
    }
}
template <class T> void read(std::string_view value, std::optional<T> &out)
{
    if (!nothing(value))
        read(value, out.emplace());
}

} // namespace detail
"#;
