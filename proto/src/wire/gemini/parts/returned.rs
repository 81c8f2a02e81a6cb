//! What an earlier answer left to be sent back: parts as they came, each at its place among the texts and calls of its turn.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Part;
use crate::chat::{Kept, Report};
use crate::error::Result;

/// Parts of one turn.
pub(in crate::wire::gemini) struct Returned {
    /// Thoughts, texts, pictures, tools of the provider's side; in the order of the answer.
    said: Vec<Piece>,
    calls: Vec<Signed>,
    thinks: bool,
}

struct Piece {
    /// The text that it stands in for, if it is a text.
    text: Option<String>,
    /// Where it was among the caller's `libllm_parts`.
    number: usize,
    json: Box<RawValue>,
}

/// A call with its signature.
struct Signed {
    name: String,
    args: Value,
    id: Option<String>,
    number: usize,
    json: Box<RawValue>,
}

/// What tells a part's kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    thought: bool,
    #[serde(default)]
    function_call: Option<Function>,
    #[serde(default)]
    thought_signature: Option<IgnoredAny>,
    #[serde(default)]
    inline_data: Option<IgnoredAny>,
    #[serde(default)]
    file_data: Option<IgnoredAny>,
    #[serde(default)]
    executable_code: Option<IgnoredAny>,
    #[serde(default)]
    code_execution_result: Option<IgnoredAny>,
}

impl Known {
    /// Whether it is a part of this format: of what no provider is named for, only that goes there.
    fn is_part(&self) -> bool {
        let others = [
            &self.thought_signature,
            &self.inline_data,
            &self.file_data,
            &self.executable_code,
            &self.code_execution_result,
        ];
        self.function_call.is_some() || others.iter().any(|member| member.is_some())
    }
}

#[derive(Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    args: Value,
    #[serde(default)]
    id: Option<String>,
}

impl Returned {
    pub(in crate::wire::gemini) fn read(
        parts: Vec<Kept>,
        path: &str,
        provider: &str,
        report: &mut Report,
    ) -> Result<Returned> {
        let mut parts: Vec<(usize, Kept)> = parts.into_iter().enumerate().collect();
        parts.sort_by_key(|(_, part)| part.index);
        let mut returned = Returned {
            said: Vec::new(),
            calls: Vec::new(),
            thinks: false,
        };
        for (number, part) in parts {
            let known = serde_json::from_str::<Known>(part.data.get());
            let ours = match part.provider.as_deref() {
                Some(by) => by == provider,
                None => known.as_ref().is_ok_and(Known::is_part),
            };
            match (part.kind.as_str(), known) {
                // A citation points from an answer to its sources; nobody reads it again.
                ("citation", _) => {}
                ("signature" | "server_tool" | "image" | "audio", Ok(known)) if ours => {
                    returned.add(number, known, part.data);
                }
                _ => {
                    let why = match ours {
                        true => "no part of this format",
                        false => "another provider's part",
                    };
                    report.dropped(format!("{path}.libllm_parts[{number}]"), why)?;
                }
            }
        }
        Ok(returned)
    }

    fn add(&mut self, number: usize, known: Known, json: Box<RawValue>) {
        if let Some(Function { name, mut args, id }) = known.function_call {
            if args.is_null() {
                args = Value::Object(serde_json::Map::new());
            }
            self.calls.push(Signed {
                name,
                args,
                id,
                number,
                json,
            });
            return;
        }
        self.thinks |= known.thought;
        self.said.push(Piece {
            text: known.text.filter(|_| !known.thought),
            number,
            json,
        });
    }

    /// Whether a thought goes back.
    pub(in crate::wire::gemini) fn thinks(&self) -> bool {
        self.thinks
    }

    /// The turn's text, with the parts at their places. A text with a signature is found in the turn's text and stands there in
    /// its own words; if the caller has changed those, the signature signs nothing.
    pub(in crate::wire::gemini) fn around(
        &mut self,
        text: &str,
        path: &str,
        report: &mut Report,
    ) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        let mut rest = text;
        let push = |parts: &mut Vec<Part>, text: &str| {
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
        };
        for piece in std::mem::take(&mut self.said) {
            match piece.text.as_deref() {
                None => {}
                // A signature that came after the text it belongs to.
                Some("") => {
                    push(&mut parts, rest);
                    rest = "";
                }
                Some(own) => {
                    let Some(place) = rest.find(own) else {
                        let number = piece.number;
                        let path = format!("{path}.libllm_parts[{number}]");
                        report.dropped(path, "the text that it signs has changed")?;
                        continue;
                    };
                    push(&mut parts, &rest[..place]);
                    rest = &rest[place + own.len()..];
                }
            }
            parts.push(Part::Raw(piece.json));
        }
        push(&mut parts, rest);
        Ok(parts)
    }

    /// The signed part of a call, and the id in it: the first of this function with these arguments.
    pub(in crate::wire::gemini) fn call(
        &mut self,
        name: &str,
        args: &RawValue,
    ) -> Option<(Box<RawValue>, Option<String>)> {
        let args: Value = serde_json::from_str(args.get()).ok()?;
        let same = |call: &Signed| call.name == name && call.args == args;
        let place = self.calls.iter().position(same)?;
        let call = self.calls.remove(place);
        Some((call.json, call.id))
    }

    /// What is left belongs to calls that are no more.
    pub(in crate::wire::gemini) fn rest(self, path: &str, report: &mut Report) -> Result<()> {
        for call in self.calls {
            let path = format!("{path}.libllm_parts[{}]", call.number);
            report.dropped(path, "the call that it signs has changed")?;
        }
        Ok(())
    }
}
