//! Guardrails on a request's way out and an answer's way in: what rules find is refused, masked or reported.

use std::sync::Arc;

use bytes::Bytes;
use libllm_proto::event::{Batch, Event};
use libllm_proto::wire::Dropped;
use serde_json::Value;

use crate::call::Job;
use crate::config::{Action, Guardrail};
use crate::error::{Error, ErrorKind, Phase, Result, Retry};
use crate::policy::guard::redact::whole;
use crate::policy::guard::{Redactor, Shape};
use crate::report::Record;
use crate::request::Request;

mod part;

/// What a rule found and let pass.
#[derive(Debug)]
pub(crate) struct Flag {
    rule: String,
    action: &'static str,
    what: &'static str,
    place: &'static str,
    count: u32,
}

impl Record {
    fn flag(&mut self, rule: &Guardrail, what: &'static str, place: &'static str) {
        let action = match rule.action {
            Action::Redact => "redacted",
            Action::Refuse | Action::Report => "reported",
        };
        let same =
            |flag: &&mut Flag| flag.rule == rule.name && flag.what == what && flag.place == place;
        match self.flags.iter_mut().find(same) {
            Some(flag) => flag.count += 1,
            None => self.flags.push(Flag {
                rule: rule.name.clone(),
                action,
                what,
                place,
                count: 1,
            }),
        }
    }

    /// What was found in the answer so far, and not in the request.
    pub(crate) fn found_in_answer(&self) -> impl Iterator<Item = Dropped> + '_ {
        let found = self.flags.iter().filter(|flag| flag.place == "answer");
        found.map(Flag::told)
    }

    /// Tells what guardrails found among what was left out or changed.
    pub(crate) fn tell_flags(&mut self) {
        let told = self.flags.drain(..).map(|flag| flag.told());
        self.dropped.extend(told);
    }
}

impl Flag {
    fn told(&self) -> Dropped {
        Dropped {
            param: format!("guardrails.{}", self.rule),
            action: self.action,
            why: format!("{} x {} in the {}", self.count, self.what, self.place),
        }
    }
}

/// Looks at a request before anything of it is sent.
pub(crate) fn request(job: &mut Job, record: &mut Record) -> Result<()> {
    let rules = job.rules.clone();
    record.screened = screens(&rules);
    for rule in rules.iter().filter(|rule| rule.on_request) {
        models(rule, job, record)?;
        let Some(found) = Seen::of(rule, job)? else {
            continue;
        };
        for what in &found.what {
            if rule.action == Action::Refuse {
                return Err(refused(rule, format!("{what} in the request")));
            }
            record.flag(rule, what, "request");
        }
        if let (Action::Redact, Some(body)) = (rule.action, found.clean) {
            replace(job, body)?;
        }
    }
    Ok(())
}

fn models(rule: &Guardrail, job: &mut Job, record: &mut Record) -> Result<()> {
    let fits = |patterns: &[String], name: &str| {
        patterns
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == pattern,
            })
    };
    let allowed = |name: &str| {
        (rule.models_allow.is_empty() || fits(&rule.models_allow, name))
            && !fits(&rule.models_deny, name)
    };
    let Some(denied) = job.candidates.iter().find(|it| !allowed(it.target.text())) else {
        return Ok(());
    };
    let denied = denied.target.text().to_owned();
    if rule.action == Action::Report {
        record.flag(rule, "model", "request");
        return Ok(());
    }
    // Those behind it may be asked in its place.
    job.candidates.retain(|it| allowed(it.target.text()));
    match job.candidates.is_empty() {
        true => Err(refused(rule, format!("model {denied} may not be asked"))),
        false => Ok(()),
    }
}

/// What a rule found in a request's texts, and the request without it.
struct Seen {
    what: Vec<&'static str>,
    clean: Option<Value>,
}

impl Seen {
    fn of(rule: &Guardrail, job: &Job) -> Result<Option<Seen>> {
        let looks = !rule.wanted.shapes.is_empty() || !rule.wanted.words.is_empty();
        if !looks && rule.max_chars.is_none() {
            return Ok(None);
        }
        let source = match &job.caller {
            Some(caller) => caller.said(&job.request),
            None => job.request.source(),
        };
        let unreadable =
            |error| Error::new(ErrorKind::InvalidArgument, format!("request: {error}"));
        let mut body: Value = serde_json::from_slice(source).map_err(unreadable)?;
        let (mut what, mut chars) = (Vec::new(), 0);
        texts(&mut body, false, &mut |text| {
            chars += text.chars().count() as u64;
            if let Some((clean, shapes)) = whole(&rule.wanted, text) {
                *text = clean;
                what.extend(shapes.into_iter().map(Shape::name));
            }
        });
        let clean = (!what.is_empty()).then_some(body);
        if rule.max_chars.is_some_and(|most| chars > most) {
            what.push("too many characters");
        }
        Ok((!what.is_empty()).then_some(Seen { what, clean }))
    }
}

// Whatever people or tools said, in any of the formats: not names, roles or addresses.
fn texts(value: &mut Value, said: bool, see: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) if said => see(text),
        Value::Array(items) => items.iter_mut().for_each(|item| texts(item, said, see)),
        Value::Object(object) => {
            let is_text = |key, word| object.get(key).and_then(Value::as_str) == Some(word);
            let call = object.get("name").is_some_and(Value::is_string);
            // A document of plain text, in Messages; data of other types is no text.
            let plain = is_text("type", "text") || is_text("media_type", "text/plain");
            let document = is_text("type", "document");
            for (key, value) in object {
                let key = key.as_str();
                let whole = matches!(key, "documents" | "variables")
                    || GIVEN.contains(&key) && call && value.is_object();
                let said = SAID.contains(&key)
                    || key == "data" && plain
                    || matches!(key, "title" | "context") && document;
                match whole {
                    true => all_texts(value, see),
                    false => texts(value, said, see),
                }
            }
        }
        _ => {}
    }
}

// What a tool is given and what it says have whatever names it likes.
fn all_texts(value: &mut Value, see: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter_mut().for_each(|item| all_texts(item, see)),
        Value::Object(object) => object.values_mut().for_each(|value| all_texts(value, see)),
        _ => {}
    }
}

fn replace(job: &mut Job, body: Value) -> Result<()> {
    match &job.caller {
        Some(caller) => {
            let (request, caller) = caller.replaced(Bytes::from(body.to_string()))?;
            (job.request, job.caller) = (request, Some(caller));
        }
        None => job.request = Request::parse(body.to_string())?,
    }
    Ok(())
}

/// What screens one answer.
pub(crate) struct Screen {
    rules: Arc<[Guardrail]>,
    channels: Vec<Channel>,
    chars: u64,
    joins: bool,
    /// What waits until the whole answer was looked at.
    pub(crate) held: Vec<Batch>,
}

/// The delta that is under way in one choice.
struct Channel {
    choice: u32,
    kind: Kind,
    redactors: Vec<Redactor>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
    Refusal,
    Args(u32),
}

impl Kind {
    fn event(self, text: &str) -> Event<'_> {
        match self {
            Kind::Text => Event::Text(text),
            Kind::Reasoning => Event::Reasoning(text),
            Kind::Refusal => Event::Refusal(text),
            Kind::Args(index) => Event::ToolArgs {
                index,
                arguments: text,
            },
        }
    }
}

impl Screen {
    /// For an answer that some rule looks at.
    pub(crate) fn of(rules: &Arc<[Guardrail]>, joins: bool) -> Option<Box<Screen>> {
        screens(rules).then(|| {
            Box::new(Screen {
                rules: rules.clone(),
                channels: Vec::new(),
                chars: 0,
                joins,
                held: Vec::new(),
            })
        })
    }

    /// Whether nothing may be handed over before all of it was looked at.
    pub(crate) fn holds(&self) -> bool {
        repair(&self.rules).is_some()
    }

    /// Takes one read's events, and leaves those that may go; `over` says that nothing follows.
    pub(crate) fn pass(
        &mut self,
        batch: &mut Batch,
        over: bool,
        record: &mut Record,
    ) -> Result<()> {
        let mut made = Batch::new();
        made.set_joining(self.joins);
        for (choice, event) in batch.iter() {
            let (kind, text) = match event {
                Event::Text(text) => (Kind::Text, text),
                Event::Reasoning(text) => (Kind::Reasoning, text),
                Event::Refusal(text) => (Kind::Refusal, text),
                Event::ToolArgs { index, arguments } => (Kind::Args(index), arguments),
                // The provider's own bytes hold what was looked for.
                Event::Raw(_) => continue,
                Event::Part { kind, index, json } => {
                    self.close(choice, &mut made, record)?;
                    if let Some(json) = part::screened(&self.rules, kind, json, record)? {
                        let json = &*json;
                        made.push(choice, Event::Part { kind, index, json });
                    }
                    continue;
                }
                event => {
                    if !matches!(event, Event::Start { .. } | Event::Usage(_)) {
                        self.close(choice, &mut made, record)?;
                    }
                    made.push(choice, event);
                    continue;
                }
            };
            self.delta(choice, kind, text, &mut made, record)?;
        }
        if over {
            while let Some(choice) = self.channels.last().map(|channel| channel.choice) {
                self.close(choice, &mut made, record)?;
            }
        }
        *batch = made;
        Ok(())
    }

    fn delta(
        &mut self,
        choice: u32,
        kind: Kind,
        text: &str,
        made: &mut Batch,
        record: &mut Record,
    ) -> Result<()> {
        let open = self
            .channels
            .iter()
            .find(|channel| channel.choice == choice);
        if open.is_some_and(|channel| channel.kind != kind) {
            self.close(choice, made, record)?;
        }
        let rules = self.rules.clone();
        if kind == Kind::Text && choice == 0 {
            self.chars += text.chars().count() as u64;
            for rule in rules.iter().filter(|rule| rule.on_answer) {
                let over = rule.max_chars.is_some_and(|most| self.chars > most);
                if over && rule.action != Action::Report {
                    return Err(refused(rule, "too many characters in the answer"));
                }
                if over && !record.flags.iter().any(|flag| flag.rule == rule.name) {
                    record.flag(rule, "too many characters", "answer");
                }
            }
        }
        let place = match self
            .channels
            .iter()
            .position(|channel| channel.choice == choice)
        {
            Some(place) => place,
            None => {
                self.channels.push(Channel {
                    choice,
                    kind,
                    redactors: rules.iter().map(|_| Redactor::default()).collect(),
                });
                self.channels.len() - 1
            }
        };
        let mut text = text.to_owned();
        for (rule, redactor) in rules.iter().zip(&mut self.channels[place].redactors) {
            text = passed(rule, record, text, |text, out| {
                redactor.push(&rule.wanted, rule.action == Action::Redact, text, out)
            })?;
        }
        made.push(choice, kind.event(&text));
        Ok(())
    }

    // The delta under way in a choice is over: what was held back of it may go.
    fn close(&mut self, choice: u32, made: &mut Batch, record: &mut Record) -> Result<()> {
        let Some(place) = self
            .channels
            .iter()
            .position(|channel| channel.choice == choice)
        else {
            return Ok(());
        };
        let mut channel = self.channels.remove(place);
        let rules = self.rules.clone();
        let mut text = String::new();
        for (rule, redactor) in rules.iter().zip(&mut channel.redactors) {
            text = passed(rule, record, text, |text, out| {
                let masks = rule.action == Action::Redact;
                let mut found = redactor.push(&rule.wanted, masks, text, out);
                found.extend(redactor.finish(&rule.wanted, masks, out));
                found
            })?;
        }
        made.push(choice, channel.kind.event(&text));
        Ok(())
    }

    /// Looks at a whole answer.
    pub(crate) fn check(&self, record: &mut Record) -> Result<()> {
        for rule in self.rules.iter().filter(|rule| rule.on_answer) {
            let Some(schema) = &rule.schema else { continue };
            let text = record.response.text().unwrap_or_default();
            let value = serde_json::from_str(text).map_err(|error| format!("is no JSON: {error}"));
            let Err(why) = value.and_then(|value| schema.check(&value)) else {
                continue;
            };
            if rule.action == Action::Report {
                record.flag(rule, "wrong JSON", "answer");
                continue;
            }
            return Err(refused(
                rule,
                format!("the answer is not of the schema: {why}"),
            ));
        }
        Ok(())
    }
}

// One rule's turn at a text.
fn passed(
    rule: &Guardrail,
    record: &mut Record,
    text: String,
    run: impl FnOnce(&str, &mut String) -> Vec<Shape>,
) -> Result<String> {
    let looks = !rule.wanted.shapes.is_empty() || !rule.wanted.words.is_empty();
    if !rule.on_answer || !looks {
        return Ok(text);
    }
    let mut out = String::with_capacity(text.len());
    for shape in run(&text, &mut out) {
        if rule.action == Action::Refuse {
            return Err(refused(rule, format!("{} in the answer", shape.name())));
        }
        record.flag(rule, shape.name(), "answer");
    }
    Ok(out)
}

fn looks(rule: &Guardrail) -> bool {
    let shapes = !rule.wanted.shapes.is_empty() || !rule.wanted.words.is_empty();
    shapes || rule.max_chars.is_some() || rule.schema.is_some()
}

// Whether some rule looks at answers.
pub(crate) fn screens(rules: &[Guardrail]) -> bool {
    rules.iter().any(|rule| rule.on_answer && looks(rule))
}

/// Whether an answer's whole text is looked at.
pub(crate) fn needs_text(rules: &[Guardrail]) -> bool {
    rules
        .iter()
        .any(|rule| rule.on_answer && rule.schema.is_some())
}

/// The rule that has a bad answer asked for again.
pub(crate) fn repair(rules: &[Guardrail]) -> Option<&Guardrail> {
    rules
        .iter()
        .find(|rule| rule.on_answer && rule.repair && rule.action != Action::Report)
}

/// The request that asks for a better answer after one that was refused; nothing if that was not for a schema, or cannot be asked.
pub(crate) fn better(
    request: &Request,
    rules: &[Guardrail],
    error: &Error,
    text: &str,
) -> Option<Request> {
    let rule = repair(rules)?;
    if error.kind() != ErrorKind::ContentFilter || error.param() != Some(&*param(rule)) {
        return None;
    }
    let mut messages: Value = serde_json::from_slice(request.field("messages")?).ok()?;
    let wish = format!(
        "{} Answer again, with nothing but JSON that fits the schema.",
        error.message()
    );
    let list = messages.as_array_mut()?;
    list.push(serde_json::json!({"role": "assistant", "content": text}));
    list.push(serde_json::json!({"role": "user", "content": wish}));
    request.with("messages", &messages).ok()
}

fn param(rule: &Guardrail) -> String {
    format!("guardrails.{}", rule.name)
}

fn refused(rule: &Guardrail, why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::ContentFilter,
        format!("guardrail {:?}: {why}", rule.name),
    )
    .with_provider(None, None, Some(param(rule)))
    .with_retry(Retry::Never)
    .with_phase(Phase::Local)
}

/// What calls of tools, and their results, are made of where that is no text: in Messages, generateContent and Ollama's own format.
const GIVEN: &[&str] = &["input", "args", "response", "arguments"];
/// Members whose text somebody said, in the formats of Chat Completions, Responses, Messages and generateContent, of legacy
/// completions, images and rankings.
const SAID: &[&str] = &[
    "prompt",
    "suffix",
    "query",
    "content",
    "text",
    "arguments",
    "input",
    "instructions",
    "system",
    "thinking",
    "output",
    "refusal",
    "parts",
];
