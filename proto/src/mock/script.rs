//! The script grammar: `echo`, or `key=value` joined by `;`. Parsing only; what a script does is in `body.rs`.

use std::fmt;
use std::time::Duration;

use super::body::Cut;
use super::fault::Kind;
use super::value;
use crate::provider::closest;

/// What one scripted model answers, and what goes wrong with it. Grammar: `docs/mock.md`.
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) said: Said,
    pub(super) reasoning: u32,
    pub(super) tools: Vec<Tool>,
    pub(super) choices: Option<u32>,
    pub(super) usage: bool,
    pub(super) finish: Option<String>,
    pub(super) ttft: Duration,
    pub(super) pace: Duration,
    pub(super) jitter: Duration,
    pub(super) chunk: Option<usize>,
    pub(super) keepalive: Option<Duration>,
    pub(super) failure: Option<Failure>,
    /// In the order in which they act.
    pub(super) faults: Vec<Fault>,
    pub(super) share: Share,
}

/// The visible part of the answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// The last user text.
    Echo,
    Text(String),
    /// So many words `w0 w1 ..`.
    Tokens(u32),
    Refusal(String),
    Nothing,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) arguments: String,
}

/// An answer that is a refusal from the first byte.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) body: Page,
    pub(super) retry_after: Option<RetryAfter>,
    pub(super) kind: Option<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Page {
    Json,
    Html,
    Empty,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum RetryAfter {
    Seconds(u32),
    /// Sent as `retry-after-ms`, so that tests need not wait whole seconds.
    Exact(Duration),
}

/// Something that happens inside an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) at: At,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    /// Before the status line.
    Head,
    /// After so many tokens.
    Token(u32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    Error(Kind),
    Cut(Cut),
    Stall(Duration),
    Garbage,
}

/// Which requests the failures of a script meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Share {
    Every,
    First(u32),
    Millionths(u32),
}

/// Why a text is no script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError(String);

impl ScriptError {
    pub(super) fn new(message: impl Into<String>) -> ScriptError {
        ScriptError(message.into())
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScriptError {}

impl Script {
    /// Reads a script; `@name` is [`super::Scripts`]' to look up.
    ///
    /// ```
    /// use libllm_proto::mock::Script;
    /// assert!(Script::parse("tokens=64;pace=20ms;cut=rst;at=10").is_ok());
    /// let error = Script::parse("tokns=64").unwrap_err().to_string();
    /// assert_eq!(error, "unknown key `tokns`; closest: tokens");
    /// ```
    pub fn parse(text: &str) -> Result<Script, ScriptError> {
        if text.len() > SCRIPT_MAX {
            return Err(ScriptError::new("script exceeds 64 KiB"));
        }
        let mut draft = Draft::default();
        for part in text.split(';').filter(|part| !part.is_empty()) {
            draft.take(part)?;
        }
        if draft.seen.is_empty() {
            return Err(ScriptError::new(format!("empty script: {EXPECTED}")));
        }
        draft.finish()
    }

    /// Whether the answer depends on [`super::Turn::attempt`], so that requests must be counted.
    pub fn counts_attempts(&self) -> bool {
        self.share != Share::Every
    }

    /// Nothing but the answer: no times, no faults.
    pub(super) fn plain() -> Script {
        Script {
            said: Said::Echo,
            reasoning: 0,
            tools: Vec::new(),
            choices: None,
            usage: true,
            finish: None,
            ttft: Duration::ZERO,
            pace: Duration::ZERO,
            jitter: Duration::ZERO,
            chunk: None,
            keepalive: None,
            failure: None,
            faults: Vec::new(),
            share: Share::Every,
        }
    }

    pub(super) fn refusal(&self) -> Option<&str> {
        match &self.said {
            Said::Refusal(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the failures of this script meet the `attempt`-th request, the first being 1.
    pub(super) fn fails(&self, attempt: u32) -> bool {
        let attempt = u64::from(attempt.max(1));
        match self.share {
            Share::Every => true,
            Share::First(times) => attempt <= u64::from(times),
            // Evenly spaced: the whole part of attempt x rate grows at exactly the requests that fail.
            Share::Millionths(rate) => {
                let whole = |n: u64| n * u64::from(rate) / 1_000_000;
                whole(attempt) > whole(attempt - 1)
            }
        }
    }
}

/// A script half read.
#[derive(Default)]
struct Draft {
    /// Keys met so far; most may come once.
    seen: Vec<&'static str>,
    said: Option<(&'static str, Said)>,
    reasoning: u32,
    tools: Vec<Tool>,
    choices: Option<u32>,
    usage_none: bool,
    finish: Option<String>,
    ttft: Duration,
    pace: Duration,
    jitter: Duration,
    chunk: Option<usize>,
    keepalive: Option<Duration>,
    status: Option<u16>,
    body: Option<Page>,
    retry_after: Option<RetryAfter>,
    /// In the order of the script, with the place if one was named.
    faults: Vec<(What, Option<At>)>,
    times: Option<u32>,
    rate: Option<u32>,
}

impl Draft {
    fn take(&mut self, part: &str) -> Result<(), ScriptError> {
        let (word, raw) = match part.split_once('=') {
            Some((word, raw)) => (word.trim(), Some(raw)),
            None => (part.trim(), None),
        };
        let Some(&key) = KEYS.iter().find(|key| **key == word) else {
            return Err(unknown(word, raw.is_some()));
        };
        let flag = FLAGS.contains(&key);
        if !REPEATABLE.contains(&key) && self.seen.contains(&key) {
            return Err(ScriptError::new(format!("{key}: given twice")));
        }
        self.seen.push(key);
        let at = |problem| ScriptError::new(format!("{key}: {problem}"));
        let decoded = value::percent_decode(raw.unwrap_or_default()).map_err(at)?;
        match (raw, flag) {
            (None, false) => Err(at("expected a value after `=`".into())),
            (Some(_), true) => Err(at("takes no value".into())),
            _ => self.set(key, &decoded).map_err(at),
        }
    }

    fn set(&mut self, key: &'static str, value: &str) -> Result<(), String> {
        match key {
            "echo" => self.say(key, Said::Echo)?,
            "text" => self.say(key, Said::Text(value.into()))?,
            "tokens" => self.say(key, Said::Tokens(value::number(value, 0, TOKENS_MAX)?))?,
            "refusal" => self.say(key, Said::Refusal(value.into()))?,
            "reasoning" => self.reasoning = value::number(value, 0, TOKENS_MAX)?,
            "tool" => self.tools.push(tool(value)?),
            "n" => self.choices = Some(value::number(value, 1, CHOICES_MAX)?),
            "usage" => self.usage_none = one_of(value, &[("none", true)])?,
            "finish" => self.finish = Some(value.into()),
            "ttft" => self.ttft = value::duration(value)?,
            "pace" => self.pace = value::duration(value)?,
            "jitter" => self.jitter = value::duration(value)?,
            "chunk" => self.chunk = Some(value::number(value, 1, u32::MAX)? as usize),
            "keepalive" => self.keepalive = Some(nonzero(value::duration(value)?)?),
            "status" => self.status = Some(value::number(value, 200, 999)? as u16),
            "body" => self.body = Some(one_of(value, PAGES)?),
            "retry_after" => self.retry_after = Some(retry_after(value)?),
            "error" => self.fault(What::Error(kind(value)?)),
            "cut" => self.fault(What::Cut(one_of(value, CUTS)?)),
            "stall" => self.fault(What::Stall(value::duration(value)?)),
            "garbage" => self.fault(What::Garbage),
            "at" => self.place(value)?,
            "times" => self.times = Some(value::number(value, 0, u32::MAX)?),
            "rate" => self.rate = Some(value::millionths(value)?),
            _ => return Err("is a key without a meaning".into()),
        }
        Ok(())
    }

    fn say(&mut self, key: &'static str, said: Said) -> Result<(), String> {
        match &self.said {
            Some((other, _)) => Err(format!("excludes {other}")),
            None => {
                self.said = Some((key, said));
                Ok(())
            }
        }
    }

    fn fault(&mut self, what: What) {
        self.faults.push((what, None));
    }

    fn place(&mut self, value: &str) -> Result<(), String> {
        let Some((what, place @ None)) = self.faults.last_mut() else {
            return Err("expected after the error, cut, stall or garbage that it places".into());
        };
        let inside = matches!(what, What::Error(_) | What::Garbage);
        *place = Some(match value {
            "head" if inside => return Err("`head` is for cut and stall".into()),
            "head" => At::Head,
            _ => At::Token(value::number(value, 0, u32::MAX)?),
        });
        Ok(())
    }

    fn finish(mut self) -> Result<Script, ScriptError> {
        let failure = self.failure()?;
        let mut faults: Vec<Fault> = (self.faults.iter())
            .map(|&(what, at)| Fault {
                at: at.unwrap_or(At::Token(0)),
                what,
            })
            .collect();
        faults.sort_by_key(|fault| fault.at);
        if (self.times.is_some() || self.rate.is_some()) && failure.is_none() && faults.is_empty() {
            return Err(ScriptError::new(
                "times and rate need a failure: status, body, error, cut, stall or garbage",
            ));
        }
        let silent = !self.tools.is_empty();
        let said = match self.said {
            Some((_, said)) => said,
            None if silent => Said::Nothing,
            None => Said::Echo,
        };
        Ok(Script {
            said,
            reasoning: self.reasoning,
            tools: self.tools,
            choices: self.choices,
            usage: !self.usage_none,
            finish: self.finish,
            ttft: self.ttft,
            pace: self.pace,
            jitter: self.jitter,
            chunk: self.chunk,
            keepalive: self.keepalive,
            failure,
            faults,
            share: match (self.times, self.rate) {
                (Some(_), Some(_)) => return Err(ScriptError::new("times excludes rate")),
                (Some(times), None) => Share::First(times),
                (None, Some(rate)) => Share::Millionths(rate),
                (None, None) => Share::Every,
            },
        })
    }

    /// With `status` or `body` there is no stream, so `error` names the error object and nothing else can happen inside.
    fn failure(&mut self) -> Result<Option<Failure>, ScriptError> {
        if self.status.is_none() && self.body.is_none() {
            return match self.retry_after {
                Some(_) => Err(ScriptError::new("retry_after: needs status")),
                None => Ok(None),
            };
        }
        let kind = match self.faults.as_slice() {
            [] => None,
            [(What::Error(kind), None)] => Some(*kind),
            _ => {
                return Err(ScriptError::new(
                    "status and body exclude cut, stall, garbage and at: a refused request has no tokens",
                ));
            }
        };
        self.faults.clear();
        Ok(Some(Failure {
            status: self.status.unwrap_or(200),
            body: self.body.unwrap_or(Page::Json),
            retry_after: self.retry_after,
            kind,
        }))
    }
}

fn unknown(word: &str, has_value: bool) -> ScriptError {
    let near = closest(word, KEYS.iter().copied(), 1).join("");
    let word: String = word.chars().take(64).collect();
    ScriptError::new(match has_value {
        true => format!("unknown key `{word}`; closest: {near}"),
        false => format!("unknown script `{word}`: {EXPECTED}"),
    })
}

fn tool(value: &str) -> Result<Tool, String> {
    let (name, arguments) = value.split_once(':').unwrap_or((value, "{}"));
    if name.is_empty() {
        return Err("expected name:{json}, found no name".into());
    }
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(arguments).map_err(
        |error| format!("expected name:{{json}} with a JSON object for `{name}`: {error}"),
    )?;
    Ok(Tool {
        name: name.into(),
        arguments: arguments.into(),
    })
}

fn retry_after(value: &str) -> Result<RetryAfter, String> {
    if let Ok(seconds) = value.parse() {
        return Ok(RetryAfter::Seconds(seconds));
    }
    value::duration(value).map(RetryAfter::Exact).map_err(|_| {
        format!("expected seconds such as 1, or 20ms for retry-after-ms, found `{value}`")
    })
}

fn kind(value: &str) -> Result<Kind, String> {
    let known = Kind::ALL.iter().find(|kind| kind.name() == value);
    known.copied().ok_or_else(|| {
        let near = closest(value, Kind::ALL.iter().map(|kind| kind.name()), 3).join(", ");
        format!("expected an error kind, found `{value}`; closest: {near}")
    })
}

fn one_of<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let known = choices.iter().find(|(name, _)| *name == value);
    known.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        format!("expected {}, found `{value}`", names.join(" or "))
    })
}

fn nonzero(duration: Duration) -> Result<Duration, String> {
    if duration.is_zero() {
        return Err("expected more than 0".into());
    }
    Ok(duration)
}

const EXPECTED: &str =
    "expected echo, @name, or key=value pairs joined by `;` such as tokens=64;pace=20ms";
const PAGES: &[(&str, Page)] = &[
    ("json", Page::Json),
    ("html", Page::Html),
    ("empty", Page::Empty),
];
const CUTS: &[(&str, Cut)] = &[("fin", Cut::Fin), ("rst", Cut::Rst), ("chunk", Cut::Chunk)];
const FLAGS: &[&str] = &["echo", "garbage"];
const REPEATABLE: &[&str] = &["tool", "error", "cut", "stall", "garbage", "at"];
const KEYS: &[&str] = &[
    "echo",
    "text",
    "tokens",
    "refusal",
    "reasoning",
    "tool",
    "n",
    "usage",
    "finish",
    "ttft",
    "pace",
    "jitter",
    "chunk",
    "keepalive",
    "status",
    "body",
    "retry_after",
    "error",
    "cut",
    "stall",
    "garbage",
    "at",
    "times",
    "rate",
];
/// A script is a model name; nobody writes a longer one by hand.
const SCRIPT_MAX: usize = 64 * 1024;
/// Far above any provider's longest answer.
const TOKENS_MAX: u32 = 10_000_000;
/// OpenAI API reference, `n`: at most 128.
const CHOICES_MAX: u32 = 128;
