//! The members of a request that are neither messages nor tools, taken one by one by the wire that knows them.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{bad, raw, read};
use crate::error::Result;

/// Members by name, in the caller's order. A wire takes those it can say; what is left it passes on or reports.
#[derive(Debug, Default)]
pub struct Params(Vec<(String, Box<RawValue>)>);

impl Params {
    pub(crate) fn push(&mut self, name: &str, json: &[u8]) -> Result<()> {
        if let Some(value) = raw(json, name)? {
            self.0.push((name.to_string(), value));
        }
        Ok(())
    }

    /// Whether a member of this name is there and not null.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// A member as it is written; it stays. One that is missing or null is `None`.
    pub fn raw(&self, name: &str) -> Option<&RawValue> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// Takes a member out. One that is missing or null is `None`.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        self.take_raw(name)
            .map(|value| read(value.get().as_bytes(), name))
            .transpose()
    }

    /// Takes a member out as it is written. One that is missing or null is `None`.
    pub fn take_raw(&mut self, name: &str) -> Option<Box<RawValue>> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    /// Takes a string or a list of strings out.
    pub fn take_strings(&mut self, name: &str) -> Result<Vec<String>> {
        let Some(value) = self.take_raw(name) else {
            return Ok(Vec::new());
        };
        let json = value.get().as_bytes();
        match json.first() {
            Some(b'"') => Ok(vec![read(json, name)?]),
            Some(b'[') => read(json, name),
            _ => Err(bad(name, "expected a string or an array")),
        }
    }

    /// What nobody has taken, in the caller's order.
    pub fn rest(self) -> impl Iterator<Item = (String, Box<RawValue>)> {
        self.0.into_iter()
    }
}

/// What leaving a member out would mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing: the value asks for what happens anyway.
    Neutral,
    /// A wish of the Chat Completions format that is not fulfilled.
    Known,
    /// Nobody here knows: it may be the provider's own.
    Foreign,
}

/// What leaving this member out would mean, by the Chat Completions reference (OpenAI, "Create chat completion", read 2026-11-21).
pub fn standing(name: &str, value: &RawValue) -> Standing {
    let Some((_, neutral)) = KNOWN.iter().find(|(known, _)| *known == name) else {
        return Standing::Foreign;
    };
    if neutral.contains(&value.get()) {
        Standing::Neutral
    } else {
        Standing::Known
    }
}

/// Members of the format with the values that ask for nothing.
const KNOWN: &[(&str, &[&str])] = &[
    ("audio", &[]),
    ("frequency_penalty", &["0", "0.0"]),
    ("logit_bias", &["{}"]),
    ("logprobs", &["false"]),
    ("max_completion_tokens", &[]),
    ("max_tokens", &[]),
    ("metadata", &["{}"]),
    ("modalities", &["[\"text\"]", "[ \"text\" ]"]),
    ("moderation", &[]),
    ("n", &["1"]),
    ("parallel_tool_calls", &["true"]),
    ("prediction", &[]),
    ("presence_penalty", &["0", "0.0"]),
    ("prompt_cache_key", &[]),
    ("prompt_cache_options", &[]),
    ("prompt_cache_retention", &[]),
    ("reasoning_effort", &[]),
    ("safety_identifier", &[]),
    ("seed", &[]),
    ("service_tier", &["\"auto\""]),
    ("stop", &["[]"]),
    ("store", &["false"]),
    ("temperature", &[]),
    ("top_logprobs", &["0"]),
    ("top_p", &["1", "1.0"]),
    ("user", &[]),
    ("verbosity", &["\"medium\""]),
    ("web_search_options", &[]),
];
