//! The JSON Schema read back: what languages write down.

use serde_json::{Map, Value};

/// Every type, in the order of the alphabet.
pub(crate) struct Model {
    pub(crate) types: Vec<Definition>,
}

/// A type with a name.
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) shape: Shape,
}

pub(crate) enum Shape {
    Struct(Vec<Field>),
    /// Words of a list that may grow, each with what it means.
    Words(Vec<(String, String)>),
    /// One of several structs, told by the word in the field `tag`; any other word may come.
    Union {
        tag: String,
        variants: Vec<(String, String)>,
    },
    /// One of several types that their JSON tells apart.
    Either(Vec<Type>),
}

pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) of: Type,
    pub(crate) nullable: bool,
    /// Not said where it says nothing.
    pub(crate) absent: bool,
}

#[derive(Clone, PartialEq)]
pub(crate) enum Type {
    Text,
    Flag,
    Whole,
    Real,
    /// Any JSON.
    Any,
    /// Any JSON object.
    Object,
    Named(String),
    List(Box<Type>),
    /// By text.
    Map(Box<Type>),
}

impl Model {
    pub(crate) fn of(document: &Value) -> Result<Model, String> {
        let definitions = document["$defs"].as_object().ok_or("no $defs")?;
        let types = definitions
            .iter()
            .map(|(name, one)| definition(name, one).map_err(|why| format!("{name}: {why}")))
            .collect::<Result<_, _>>()?;
        Ok(Model { types })
    }

    /// The type of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Definition> {
        self.types.iter().find(|one| one.name == name)
    }

    /// Whether a type is part of what is asked; all others are part of what is said.
    pub(crate) fn is_asked(&self, name: &str) -> bool {
        ["ChatRequest", "Options"]
            .iter()
            .any(|top| *top == name || self.reaches(top, name))
            && !["ToolCallParam", "FunctionCall"].contains(&name)
    }

    fn reaches(&self, from: &str, to: &str) -> bool {
        let below = |of: &Type| match named_in(of) {
            Some(name) => name == to || self.reaches(name, to),
            None => false,
        };
        match self.named(from).map(|one| &one.shape) {
            Some(Shape::Struct(fields)) => fields.iter().any(|field| below(&field.of)),
            Some(Shape::Either(types)) => types.iter().any(below),
            Some(Shape::Union { variants, .. }) => variants
                .iter()
                .any(|(_, name)| name == to || self.reaches(name, to)),
            Some(Shape::Words(_)) | None => false,
        }
    }
}

/// The name of the type inside of lists and maps.
pub(crate) fn named_in(of: &Type) -> Option<&str> {
    match of {
        Type::Named(name) => Some(name),
        Type::List(inner) | Type::Map(inner) => named_in(inner),
        _ => None,
    }
}

fn definition(name: &str, one: &Value) -> Result<Definition, String> {
    let shape = if let Some(words) = one["x-words"].as_array() {
        let pair = |word: &Value| (text(&word["word"]), text(&word["description"]));
        Shape::Words(words.iter().map(pair).collect())
    } else if let Some(variants) = one["x-variants"].as_object() {
        let pair = |(word, schema): (&String, &Value)| Ok((word.clone(), reference(schema)?));
        Shape::Union {
            tag: text(&one["x-tag"]),
            variants: variants.iter().map(pair).collect::<Result<_, String>>()?,
        }
    } else if let Some(types) = one["anyOf"].as_array() {
        Shape::Either(types.iter().map(of).collect::<Result<_, _>>()?)
    } else {
        let empty = Map::new();
        let properties = one["properties"].as_object().unwrap_or(&empty);
        let order = one["x-order"].as_array().ok_or("no x-order")?;
        let fields = order.iter().filter_map(Value::as_str).map(|name| {
            let schema = properties
                .get(name)
                .ok_or_else(|| format!("no property {name}"))?;
            field(name, schema).map_err(|why| format!("{name}: {why}"))
        });
        Shape::Struct(fields.collect::<Result<_, _>>()?)
    };
    Ok(Definition {
        name: name.to_owned(),
        about: text(&one["description"]),
        shape,
    })
}

fn field(name: &str, schema: &Value) -> Result<Field, String> {
    let null = |one: &Value| one["type"] == "null";
    let (schema_of, nullable) = match schema["anyOf"].as_array() {
        Some(types) => {
            let inner = types.iter().find(|one| !null(one)).ok_or("only null")?;
            (inner.clone(), types.iter().any(null))
        }
        None => match schema["type"].as_array() {
            Some(words) => {
                let word = words.iter().find(|one| *one != "null").ok_or("only null")?;
                let mut inner = schema.clone();
                inner["type"] = word.clone();
                (inner, true)
            }
            None => (schema.clone(), false),
        },
    };
    Ok(Field {
        name: name.to_owned(),
        about: text(&schema["description"]),
        of: of(&schema_of)?,
        nullable,
        absent: schema["x-absent"] == true,
    })
}

fn of(schema: &Value) -> Result<Type, String> {
    if schema.get("$ref").is_some() {
        return reference(schema).map(Type::Named);
    }
    let word = schema["type"].as_str();
    Ok(match word {
        Some("string") => Type::Text,
        Some("boolean") => Type::Flag,
        Some("integer") => Type::Whole,
        Some("number") => Type::Real,
        Some("array") => Type::List(Box::new(of(&schema["items"])?)),
        Some("object") => match &schema["additionalProperties"] {
            Value::Bool(true) | Value::Null => Type::Object,
            inner => Type::Map(Box::new(of(inner)?)),
        },
        Some(other) => return Err(format!("type {other}")),
        None => Type::Any,
    })
}

fn reference(schema: &Value) -> Result<String, String> {
    let place = schema["$ref"].as_str().ok_or("no $ref")?;
    let name = place.strip_prefix("#/$defs/").ok_or("a foreign $ref")?;
    Ok(name.to_owned())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
