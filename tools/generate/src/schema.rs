//! schema/llm.schema.json: the JSON Schema of every type, with the tables beside them.

use libllm_schema as source;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::{Map, Value, json};

use crate::{COMMAND, tables};

/// The document, whose `$defs` are in alphabetical order and whose members are in the order of the Rust types (`x-order`).
pub(crate) fn document() -> Value {
    let mut generator = SchemaGenerator::default();
    let mut orders = Map::new();
    define::<source::ChatCompletion>(&mut generator, &mut orders);
    define::<source::Completed>(&mut generator, &mut orders);
    define::<source::CompletionUsage>(&mut generator, &mut orders);
    define::<source::ToolCallStart>(&mut generator, &mut orders);
    define::<source::Route>(&mut generator, &mut orders);
    define::<source::Part>(&mut generator, &mut orders);
    define::<source::Done>(&mut generator, &mut orders);
    define::<source::ChoiceEnd>(&mut generator, &mut orders);
    define::<source::CacheHit>(&mut generator, &mut orders);
    define::<source::Message>(&mut generator, &mut orders);
    define::<source::Usage>(&mut generator, &mut orders);
    define::<source::Cost>(&mut generator, &mut orders);
    define::<source::Dropped>(&mut generator, &mut orders);
    define::<source::Attempt>(&mut generator, &mut orders);
    define::<source::Tokens>(&mut generator, &mut orders);
    define::<source::Timing>(&mut generator, &mut orders);
    define::<source::Failure>(&mut generator, &mut orders);
    define::<source::Partial>(&mut generator, &mut orders);
    define::<source::Options>(&mut generator, &mut orders);
    define::<source::ChatRequest>(&mut generator, &mut orders);
    define::<source::MessageParam>(&mut generator, &mut orders);
    define::<source::TextPart>(&mut generator, &mut orders);
    define::<source::ImagePart>(&mut generator, &mut orders);
    define::<source::ImageUrl>(&mut generator, &mut orders);
    define::<source::AudioPart>(&mut generator, &mut orders);
    define::<source::InputAudio>(&mut generator, &mut orders);
    define::<source::FilePart>(&mut generator, &mut orders);
    define::<source::ToolCallParam>(&mut generator, &mut orders);
    define::<source::FunctionCall>(&mut generator, &mut orders);
    define::<source::ToolDefinition>(&mut generator, &mut orders);
    define::<source::FunctionDefinition>(&mut generator, &mut orders);
    let mut definitions = generator.take_definitions(true);
    for (name, order) in orders {
        if let Some(Value::Object(one)) = definitions.get_mut(&name) {
            one.insert("x-order".to_owned(), order);
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "libllm",
        "$defs": definitions,
        "x-tables": tables::document(),
    })
}

/// The document as text, whose first line says where it comes from.
pub(crate) fn text(document: &Value) -> String {
    let body = format!("{document:#}");
    let rest = body.strip_prefix("{\n").unwrap_or(&body);
    format!("{{ \"$comment\": {},\n{rest}\n", json!(COMMAND))
}

fn define<T: JsonSchema + for<'de> Deserialize<'de>>(
    generator: &mut SchemaGenerator,
    orders: &mut Map<String, Value>,
) {
    generator.subschema_for::<T>();
    orders.insert(T::schema_name().into_owned(), json!(order::<T>()));
}

/// The members of a struct in the order in which they were written: what serde asks a format for.
pub(crate) fn order<T: for<'de> Deserialize<'de>>() -> Vec<&'static str> {
    let mut fields = Vec::new();
    // It cannot succeed: there is nothing to read.
    let _ = T::deserialize(Order(&mut fields));
    fields
}

struct Order<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Order<'_> {
    type Error = de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.extend_from_slice(fields);
        Err(de::Error::custom("only the order was wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("not a struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
