//! A request's body, member by member, for wires that say a request in words of their own.
//!
//! ```
//! use libllm_proto::chat::body::Body;
//!
//! let mut body = Body::default();
//! body.say("model", &"m")?;
//! body.say("stream", &true)?;
//! body.merge(br#"{"stream":false,"seed":1.0}"#)?;
//! assert_eq!(body.into_bytes(), br#"{"model":"m","stream":false,"seed":1.0}"#);
//! # Ok::<(), libllm_proto::Error>(())
//! ```

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{Error, ErrorKind, Result};

/// Members in the order they are sent.
#[derive(Debug, Default)]
pub struct Body(Vec<(String, Box<RawValue>)>);

impl Body {
    /// Sets a member; the last word counts.
    pub fn set(&mut self, name: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_string(), value)),
        }
    }

    /// Whether a member of this name was set.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// A member's value.
    pub fn get(&self, name: &str) -> Option<Box<RawValue>> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.clone())
    }

    /// Takes a member out, if it is there.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// Sets a member to what `value` is in JSON.
    pub fn say(&mut self, name: &str, value: &impl serde::Serialize) -> Result<()> {
        self.set(name, raw(value)?);
        Ok(())
    }

    /// Puts a value at the end of a member that is an array; begins one if there is none.
    pub fn append(&mut self, name: &str, value: &impl serde::Serialize) -> Result<()> {
        let old = self.0.iter().find(|(known, _)| known == name);
        let mut list: Vec<Box<RawValue>> = match old {
            Some((_, list)) => serde_json::from_str(list.get()).unwrap_or_default(),
            None => Vec::new(),
        };
        list.push(raw(value)?);
        self.say(name, &list)
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts the members of an object over those that were set: `extra_body`.
    pub fn merge(&mut self, extra: &[u8]) -> Result<()> {
        let members: Members = serde_json::from_slice(extra).map_err(|error| {
            Error::new(ErrorKind::InvalidArgument, format!("extra_body: {error}"))
        })?;
        for (name, value) in members.0 {
            self.set(&name, value);
        }
        Ok(())
    }

    /// Its text: compact between members, each value as it was written.
    pub fn into_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::from(*b"{");
        for (number, (name, value)) in self.0.iter().enumerate() {
            if number > 0 {
                bytes.push(b',');
            }
            bytes.extend_from_slice(Value::from(name.as_str()).to_string().as_bytes());
            bytes.push(b':');
            bytes.extend_from_slice(value.get().as_bytes());
        }
        bytes.push(b'}');
        bytes
    }
}

impl serde::Serialize for Body {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A value's JSON.
pub fn raw(value: &impl serde::Serialize) -> Result<Box<RawValue>> {
    to_raw_value(value).map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
}

/// Members of an object in the order they were written.
#[derive(Debug)]
pub struct Members(
    /// Name and value.
    pub Vec<(String, Box<RawValue>)>,
);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Members, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Visitor)
    }
}
