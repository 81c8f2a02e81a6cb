//! What an earlier answer left to be sent back, byte for byte, and its place among what is said in other words.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::input::Item;
use crate::chat::{Kept, Report};
use crate::error::Result;

/// Items of an earlier answer, each with its place in it.
pub(super) struct Earlier(Vec<(u64, Box<RawValue>)>);

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    call_id: Option<String>,
}

impl Earlier {
    /// What of the parts this provider understands. `custom` gets the numbers of the calls of free text among them.
    pub(super) fn read(
        mut parts: Vec<Kept>,
        path: &str,
        provider: &str,
        custom: &mut Vec<String>,
        report: &mut Report,
    ) -> Result<Earlier> {
        let mut items = Vec::new();
        parts.sort_by_key(|part| part.index);
        for (number, part) in parts.into_iter().enumerate() {
            let ours = part.provider.as_deref().is_none_or(|by| by == provider);
            let typed = serde_json::from_str::<Typed>(part.data.get()).ok();
            let kind = typed.as_ref().map(|typed| typed.kind.as_str());
            let fits = match (part.kind.as_str(), kind) {
                ("encrypted", Some("reasoning")) => true,
                ("custom_tool", Some("custom_tool_call")) => true,
                ("image", Some("image_generation_call")) => true,
                ("server_tool", Some(_)) => true,
                // A citation points from an answer to its sources; nobody reads it again.
                ("citation", _) => continue,
                _ => false,
            };
            if ours && fits {
                if part.kind == "custom_tool" {
                    custom.extend(typed.and_then(|typed| typed.call_id));
                }
                items.push((part.index, part.data));
                continue;
            }
            let why = if ours {
                "no item of this format"
            } else {
                "another provider's part"
            };
            report.dropped(format!("{path}.libllm_parts[{number}]"), why)?;
        }
        Ok(Earlier(items))
    }

    /// Whether nothing is sent back.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The items with `others` in the places between them: an item of reasoning belongs before the very call or text that it led to.
    pub(super) fn with(self, others: Vec<Item>) -> Vec<Item> {
        let mut said = Vec::with_capacity(self.0.len() + others.len());
        let mut others = others.into_iter();
        for (index, json) in self.0 {
            while (said.len() as u64) < index {
                match others.next() {
                    Some(other) => said.push(other),
                    None => break,
                }
            }
            said.push(Item::Raw(json));
        }
        said.extend(others);
        said
    }
}
