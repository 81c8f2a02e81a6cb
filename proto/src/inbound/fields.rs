//! The members of an object of the caller's request, taken one by one; what nobody takes is reported.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::chat::body::Members;
use crate::chat::{Report, bad};
use crate::error::Result;

/// The members of one object, with the path at which it lies.
pub(super) struct Fields {
    path: String,
    members: Vec<(String, Box<RawValue>)>,
}

impl Fields {
    /// Reads an object.
    pub(super) fn read(json: &[u8], path: impl Into<String>) -> Result<Fields> {
        let path = path.into();
        let members: Members = parse(json, &path)?;
        Ok(Fields {
            path,
            members: members.0,
        })
    }

    /// The path of a member.
    pub(super) fn at(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    /// The path of the object.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Takes a member out as it is written: the last of that name. One that is missing or null is `None`.
    pub(super) fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let mut found = None;
        self.members
            .retain_mut(|(known, value)| match known == name {
                true => {
                    found = Some(std::mem::take(value));
                    false
                }
                false => true,
            });
        found.filter(|value| value.get() != "null")
    }

    /// Takes a member of a known type out.
    pub(super) fn get<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        parse(value.get().as_bytes(), &self.at(name)).map(Some)
    }

    /// Takes a member out that must be there.
    pub(super) fn need<T: DeserializeOwned>(&mut self, name: &str) -> Result<T> {
        self.get(name)?
            .ok_or_else(|| bad(&self.at(name), "is missing"))
    }

    /// Takes an object out.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Fields>> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        Fields::read(value.get().as_bytes(), self.at(name)).map(Some)
    }

    /// Takes a list of objects out.
    pub(super) fn objects(&mut self, name: &str) -> Result<Vec<Fields>> {
        let Some(value) = self.take(name) else {
            return Ok(Vec::new());
        };
        list(&value, &self.at(name))
    }

    /// What was written as `type`; empty if nothing was.
    pub(super) fn kind(&mut self) -> Result<String> {
        Ok(self.get("type")?.unwrap_or_default())
    }

    /// Reports what nobody took, but for members of which leaving out means nothing.
    pub(super) fn rest(self, neutral: &[&str], why: &str, report: &mut Report) -> Result<()> {
        let told = |(name, value): &(String, Box<RawValue>)| {
            !neutral.contains(&name.as_str()) && value.get() != "null"
        };
        for (name, _) in self.members.iter().filter(|member| told(member)) {
            report.dropped(self.at(name), why)?;
        }
        Ok(())
    }
}

/// Reads a list of objects.
pub(super) fn list(json: &RawValue, path: &str) -> Result<Vec<Fields>> {
    let items: Vec<Box<RawValue>> = parse(json.get().as_bytes(), path)?;
    let items = items.iter().enumerate();
    items
        .map(|(number, item)| Fields::read(item.get().as_bytes(), format!("{path}[{number}]")))
        .collect()
}

/// Reads a value; the error says where it lies.
pub(super) fn parse<T: DeserializeOwned>(json: &[u8], path: &str) -> Result<T> {
    serde_json::from_slice(json).map_err(|error| {
        let text = error.to_string();
        match path {
            // Where in the body it is, is worth saying of the body alone.
            "" => bad("the request", text),
            _ => bad(path, text.split(" at line ").next().unwrap_or_default()),
        }
    })
}
