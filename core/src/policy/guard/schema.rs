//! Whether a JSON value is of a schema: the part of JSON Schema that structured outputs use.
//!
//! A crate for all of it is a megabyte with its regular expressions and its network; providers take this part alone. A keyword that is
//! not in it is refused when the configuration is read: nothing is said to be checked that is not.

use serde_json::Value;

/// A schema of which every keyword is known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schema(Value);

impl Schema {
    /// Takes a schema; the error names the keyword that nobody here knows.
    pub(crate) fn new(schema: Value) -> Result<Schema, String> {
        known(&schema, "")?;
        Ok(Schema(schema))
    }

    /// Why a value is not of it.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        self.of(&self.0, value, "", 0)
    }

    fn of(&self, schema: &Value, value: &Value, path: &str, depth: usize) -> Result<(), String> {
        let wrong = |what: String| wrong(path, &what);
        if depth > DEPTH_MAX {
            return wrong(format!("is deeper than {DEPTH_MAX}"));
        }
        let rules = match schema {
            Value::Object(rules) => rules,
            Value::Bool(false) => return wrong("may not be there".into()),
            _ => return Ok(()),
        };
        for (keyword, rule) in rules {
            self.rule(keyword, rule, value, path, depth)?;
        }
        if let Some(object) = value.as_object() {
            let own = rules.get("properties").and_then(Value::as_object);
            for (name, value) in object {
                let rule = own
                    .and_then(|own| own.get(name))
                    .or(rules.get("additionalProperties"));
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                if let Some(rule) = rule {
                    self.of(rule, value, &path, depth + 1)?;
                }
            }
        }
        bounds(rules, value).or_else(wrong)
    }

    // One keyword of a schema.
    fn rule(
        &self,
        keyword: &str,
        rule: &Value,
        value: &Value,
        path: &str,
        depth: usize,
    ) -> Result<(), String> {
        let wrong = |what: String| wrong(path, &what);
        match (keyword, rule) {
            ("$ref", Value::String(place)) => {
                let Some(schema) = place
                    .strip_prefix('#')
                    .and_then(|place| self.0.pointer(place))
                else {
                    return wrong(format!("nothing is at {place}"));
                };
                self.of(schema, value, path, depth + 1)?;
            }
            ("type", rule) => {
                let words: Vec<&str> = match rule {
                    Value::String(word) => vec![word],
                    rule => rule
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(Value::as_str)
                        .collect(),
                };
                if !words.iter().any(|word| is_a(word, value)) {
                    return wrong(format!("is no {}", words.join(" or ")));
                }
            }
            ("const", rule) if !same(rule, value) => return wrong(format!("is not {rule}")),
            ("enum", Value::Array(all)) if !all.iter().any(|one| same(one, value)) => {
                return wrong("is none of the enum".into());
            }
            ("anyOf" | "oneOf", Value::Array(all)) => {
                let fits = all
                    .iter()
                    .filter(|one| self.of(one, value, path, depth + 1).is_ok())
                    .count();
                if fits == 0 || (keyword == "oneOf" && fits > 1) {
                    return wrong(format!("fits {fits} of {keyword}"));
                }
            }
            ("allOf", Value::Array(all)) => {
                for one in all {
                    self.of(one, value, path, depth + 1)?;
                }
            }
            ("required", Value::Array(names)) => {
                let Some(object) = value.as_object() else {
                    return Ok(());
                };
                let mut names = names.iter().filter_map(Value::as_str);
                if let Some(name) = names.find(|name| !object.contains_key(*name)) {
                    return wrong(format!("lacks {name}"));
                }
            }
            ("items", rule) => {
                for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.of(rule, item, &format!("{path}[{place}]"), depth + 1)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn wrong(path: &str, what: &str) -> Result<(), String> {
    let place = if path.is_empty() { "it" } else { path };
    Err(format!("{place}: {what}"))
}

fn bounds(rules: &serde_json::Map<String, Value>, value: &Value) -> Result<(), String> {
    let size = match value {
        Value::String(text) => ("Length", text.chars().count()),
        Value::Array(items) => ("Items", items.len()),
        Value::Object(object) => ("Properties", object.len()),
        _ => ("", 0),
    };
    let rule = |name: String| rules.get(&name).and_then(Value::as_f64);
    if !size.0.is_empty() {
        let (least, most) = (
            rule(format!("min{}", size.0)),
            rule(format!("max{}", size.0)),
        );
        if least.is_some_and(|least| (size.1 as f64) < least)
            || most.is_some_and(|most| size.1 as f64 > most)
        {
            return Err(format!("has {} of {}", size.1, size.0.to_lowercase()));
        }
    }
    let Some(number) = value.as_f64() else {
        return Ok(());
    };
    let outside = [
        rule("minimum".into()).is_some_and(|least| number < least),
        rule("maximum".into()).is_some_and(|most| number > most),
        rule("exclusiveMinimum".into()).is_some_and(|least| number <= least),
        rule("exclusiveMaximum".into()).is_some_and(|most| number >= most),
        rule("multipleOf".into())
            .is_some_and(|step| step > 0.0 && (number / step).fract().abs() > 1e-9),
    ];
    match outside.contains(&true) {
        true => Err(format!("{number} is out of bounds")),
        false => Ok(()),
    }
}

fn is_a(word: &str, value: &Value) -> bool {
    match word {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        // 1.0 is an integer, too (JSON Schema 2020-12, 6.1.1).
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

fn known(schema: &Value, path: &str) -> Result<(), String> {
    let rules = match schema {
        Value::Object(rules) => rules,
        Value::Bool(_) => return Ok(()),
        _ => return Err(format!("{path}: expected an object")),
    };
    for (keyword, rule) in rules {
        let path = format!("{path}/{keyword}");
        match keyword.as_str() {
            "properties" | "$defs" | "definitions" => {
                for (name, rule) in rule.as_object().into_iter().flatten() {
                    known(rule, &format!("{path}/{name}"))?;
                }
            }
            "items" | "additionalProperties" => known(rule, &path)?,
            "anyOf" | "oneOf" | "allOf" => {
                for rule in rule.as_array().into_iter().flatten() {
                    known(rule, &path)?;
                }
            }
            word if KNOWN.contains(&word) => {}
            _ => return Err(format!("{path} is not checked here")),
        }
    }
    Ok(())
}

const DEPTH_MAX: usize = 64;
const KNOWN: &[&str] = &[
    "$ref",
    "type",
    "const",
    "enum",
    "required",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    // They say something to people.
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "format",
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_what_is_wrong_and_where() {
        let schema = json!({
            "type": "object", "required": ["name", "tags"], "additionalProperties": false,
            "properties": {
                "name": {"type": "string", "minLength": 2},
                "age": {"type": ["integer", "null"], "minimum": 0, "exclusiveMaximum": 150},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "maxItems": 2},
                "kind": {"anyOf": [{"const": 1}, {"const": "one"}]},
            },
            "$defs": {"tag": {"enum": ["a", "b"]}},
        });
        let schema = Schema::new(schema).unwrap();
        for (value, wrong) in [
            (
                json!({"name": "Jo", "tags": ["a"], "age": 3.0, "kind": "one"}),
                "",
            ),
            (
                json!({"name": "Jo", "tags": [], "age": null, "kind": 1.0}),
                "",
            ),
            (json!([]), "it: is no object"),
            (json!({"name": "Jo"}), "it: lacks tags"),
            (json!({"name": "J", "tags": []}), "name: has 1 of length"),
            (
                json!({"name": "Jo", "tags": ["a", "c"]}),
                "tags[1]: is none of the enum",
            ),
            (
                json!({"name": "Jo", "tags": ["a", "a", "a"]}),
                "tags: has 3 of items",
            ),
            (
                json!({"name": "Jo", "tags": [], "age": 1.5}),
                "age: is no integer or null",
            ),
            (
                json!({"name": "Jo", "tags": [], "age": 150}),
                "age: 150 is out of bounds",
            ),
            (
                json!({"name": "Jo", "tags": [], "kind": 2}),
                "kind: fits 0 of anyOf",
            ),
            (
                json!({"name": "Jo", "tags": [], "more": 2}),
                "more: may not be there",
            ),
        ] {
            let said = schema.check(&value).err().unwrap_or_default();
            assert_eq!(said, wrong, "{value}");
        }
    }

    #[test]
    fn what_is_not_checked_is_refused() {
        let error = Schema::new(json!({"properties": {"a": {"pattern": "^x$"}}})).unwrap_err();
        assert_eq!(error, "/properties/a/pattern is not checked here");
        let endless = Schema::new(json!({"$ref": "#"})).unwrap();
        assert!(endless.check(&json!(1)).is_err());
    }
}
