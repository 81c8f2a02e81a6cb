//! Questions that are almost the same: of a conversation's last words a vector is made, by a model that the configuration names, and
//! the answer to the nearest question that is remembered will do if it is near enough. All else must be equal, and nothing that
//! calls tools is ever taken for something else.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use libllm_proto::event::Event;
use libllm_proto::wire::Operation;
use serde::Deserialize;
use serde_json::Value;

use super::counters::count;
use super::entry::Entry;
use super::{Cache, Question};
use crate::call::Job;
use crate::client::Client;
use crate::config::{Config, Limit, Semantic};
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::policy::cache::{self as policy, Use, Wish};
use crate::policy::near::{Index, Vector, numbers};
use crate::process::Process;
use crate::request::Request;

/// The questions that a client remembers.
#[derive(Default)]
pub(super) struct Near(Mutex<Index>);

/// How a request finds questions that are almost the same.
pub(crate) struct Asker {
    said: Arc<Semantic>,
    /// Makes a text's vector.
    embed: Box<dyn Fn(String) -> Embedding + Send + Sync>,
}

type Embedding = Pin<Box<dyn Future<Output = Result<Vector>> + Send>>;

/// A question as it is compared.
pub(super) struct Nearby {
    scope: u128,
    vector: Vector,
    numbers: Vec<String>,
    max_entries: usize,
}

impl Client {
    /// How this request finds such questions, if it wants to.
    pub(crate) fn asker(&self, config: &Config, options: &Options) -> Option<Asker> {
        let said = config.cache.semantic.clone()?;
        let how = policy::usage(
            config.cache.enabled,
            options.no_cache,
            options.cache.as_ref(),
        )?;
        let chat = options.operation().is_ok_and(|it| it == Operation::Chat);
        if !chat || how.refresh || how.key.is_some() || how.semantic == Some(false) {
            return None;
        }
        // Its vector is asked for on behalf of the same tenant, and is itself looked for in the cache.
        let options = Options {
            operation: Some(Operation::Embeddings.name().to_owned()),
            timeout: Some(Limit::After(said.timeout)),
            tenant: options.tenant.clone(),
            cache: Some(Wish::On(Use::default())),
            ..Options::default()
        };
        let (client, model) = (self.weak(), said.model.clone());
        let embed = move |text: String| -> Embedding {
            let (client, options) = (client.upgrade(), options.clone());
            let request = serde_json::json!({ "model": model, "input": text }).to_string();
            Box::pin(async move {
                let gone = || Error::new(ErrorKind::Closed, "the client has gone");
                let request = Request::parse_any(Bytes::from(request))?;
                let asked = client.ok_or_else(gone)?.call(request).options(options);
                vector(asked.send().await?.json())
            })
        };
        Some(Asker {
            said,
            embed: Box::new(embed),
        })
    }
}

fn vector(answer: &str) -> Result<Vector> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        embedding: Vec<f64>,
    }
    let odd = |why: &str| Error::new(ErrorKind::Protocol, format!("vectors: {why}"));
    let list: List = serde_json::from_str(answer).map_err(|error| odd(&error.to_string()))?;
    let first = list.data.first().and_then(|one| Vector::of(&one.embedding));
    first.ok_or_else(|| odd("none that has a direction"))
}

impl Question {
    /// The question as it is compared, once its vector is there; `None` if it cannot be compared, or its vector did not come.
    pub(super) async fn nearby(&self, job: &Job, process: &'static Process) -> Option<Nearby> {
        let asker = self.asker.as_ref()?;
        // Another format says its last words in another place.
        if job
            .caller
            .as_deref()
            .is_some_and(|caller| caller.own_words().is_some())
        {
            return None;
        }
        let (scope, text) = self.apart(&job.request, &asker.said.model)?;
        let numbers = numbers(&text);
        match (asker.embed)(text).await {
            Ok(vector) => Some(Nearby {
                scope,
                vector,
                numbers,
                max_entries: asker.said.max_entries,
            }),
            Err(error) => {
                count(&process.counters.cache.semantic_failures);
                tracing::warn!(target: "libllm", kind = error.kind().name(), "cache.semantic: {error}");
                None
            }
        }
    }

    /// The nearest answer that is kept, and how near its question is.
    pub(super) fn nearest(
        &self,
        nearby: &Nearby,
        process: &'static Process,
    ) -> Option<(Arc<Entry>, f32)> {
        let threshold = self.asker.as_ref()?.said.threshold;
        let counters = &process.counters.cache;
        let mut index = crate::lock(&self.cache.near.0);
        let Nearby {
            scope,
            vector,
            numbers,
            ..
        } = nearby;
        while let Some((key, likeness)) = index.nearest(*scope, vector, numbers, threshold) {
            // What is kept no more was too old, too large or forgotten.
            match self.cache.memory().get(key) {
                Some(entry) => {
                    count(&counters.semantic_hits);
                    return Some((entry, likeness));
                }
                None => index.remove(*scope, key),
            }
        }
        count(&counters.semantic_misses);
        None
    }

    // What must be equal, hashed, and the words that are compared.
    fn apart(&self, request: &Request, model: &str) -> Option<(u128, String)> {
        let (messages, said) = last_words(request)?;
        let mut scope = self.scope.clone();
        for part in [
            self.asked(request).as_bytes(),
            model.as_bytes(),
            messages.as_bytes(),
        ] {
            scope.extend_from_slice(&(part.len() as u64).to_le_bytes());
            scope.extend_from_slice(part);
        }
        let counts = |key: &str, value: &[u8]| {
            key != "messages" && policy::member(key, value, false) == policy::Member::Counts
        };
        request.canonical(counts, &mut scope);
        Some((self.cache.secret.hash(&scope), said))
    }
}

/// A conversation without its last words, and these; `None` if they are no plain text of a user, or if tools are about.
fn last_words(request: &Request) -> Option<(String, String)> {
    let named = |key: &str| {
        request
            .field(key)
            .is_some_and(|value| !matches!(value, b"null" | b"[]"))
    };
    if named("tools") || named("functions") {
        return None;
    }
    let mut messages: Vec<Value> = serde_json::from_slice(request.field("messages")?).ok()?;
    let uses_tools = |message: &Value| {
        let role = message.get("role").and_then(Value::as_str);
        let calls = ["tool_calls", "function_call"]
            .iter()
            .any(|key| message.get(key).is_some_and(|calls| !calls.is_null()));
        calls || matches!(role, Some("tool" | "function"))
    };
    if messages.iter().any(uses_tools) {
        return None;
    }
    let last = messages.last_mut()?;
    if last.get("role")? != "user" {
        return None;
    }
    let said = match last.get_mut("content")? {
        Value::String(text) => std::mem::take(text),
        Value::Array(parts) => match &mut parts[..] {
            [part] if part.get("type")? == "text" => match part.get_mut("text")? {
                Value::String(text) => std::mem::take(text),
                _ => return None,
            },
            _ => return None,
        },
        _ => return None,
    };
    let wordless = said.trim().is_empty();
    (!wordless).then(|| (Value::Array(messages).to_string(), said))
}

impl Cache {
    /// Remembers a question whose answer is kept; one that calls tools is never the answer to another.
    pub(super) fn remember(&self, key: u128, nearby: Nearby, entry: &Entry) {
        let calls = |(_, event): (u32, Event<'_>)| matches!(event, Event::ToolCall { .. });
        if entry.events.iter().any(calls) {
            return;
        }
        let Nearby {
            scope,
            vector,
            numbers,
            max_entries,
        } = nearby;
        crate::lock(&self.near.0).add(scope, key, vector, numbers, max_entries);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn apart(json: &str) -> Option<(String, String)> {
        last_words(&Request::parse(json.to_owned()).unwrap())
    }

    #[test]
    fn the_last_words_of_a_user_are_compared_and_all_else_must_be_equal() {
        let (rest, said) = apart(
            r#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hello there"}]}"#,
        )
        .unwrap();
        assert_eq!(said, "hello there");
        assert!(
            rest.contains("Be brief.") && !rest.contains("hello"),
            "{rest}"
        );
        let part = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#;
        let (other, said) = apart(part).unwrap();
        assert_eq!(said, "hi");
        assert_ne!(rest, other);
    }

    #[test]
    fn what_is_no_plain_text_or_has_to_do_with_tools_is_not_compared() {
        for json in [
            r#"{"messages":[{"role":"assistant","content":"a"}]}"#,
            r#"{"messages":[{"role":"user","content":" "}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}}]}"#,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"5"},{"role":"user","content":"a"}]}"#,
        ] {
            assert_eq!(apart(json), None, "{json}");
        }
    }

    #[test]
    fn a_vector_is_read_from_an_answer() {
        let answer = r#"{"data":[{"embedding":[3,4.0]}],"libllm":{}}"#;
        assert_eq!(vector(answer).unwrap(), Vector::of(&[0.6, 0.8]).unwrap());
        for odd in ["{}", r#"{"data":[]}"#, r#"{"data":[{"embedding":[0]}]}"#] {
            assert_eq!(vector(odd).unwrap_err().kind(), ErrorKind::Protocol);
        }
    }
}
