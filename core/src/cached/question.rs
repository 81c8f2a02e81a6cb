//! What a request asks, as far as the cache is concerned: its hash, and how the answer to it is kept.

use std::cell::RefCell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use highway::{HighwayHash, HighwayHasher};
use libllm_proto::request::canonical;
use libllm_proto::wire::Operation;

use super::Cache;
use super::semantic::Asker;
use crate::call::Job;
use crate::config::{Config, Limit};
use crate::inbound::Caller;
use crate::options::Options;
use crate::policy::cache::{self as policy, Member, Use};
use crate::request::Request;
use crate::route::Notes;
use crate::store::Redis;

/// A request that the cache may answer.
pub(crate) struct Question {
    pub(super) cache: Arc<Cache>,
    pub(super) how: Use,
    pub(super) ttl: Duration,
    /// Where other processes look, and how long an answer is kept there.
    pub(super) store: Option<Arc<Redis>>,
    pub(super) shared_ttl: Duration,
    /// How a question is found that is almost the same.
    pub(super) asker: Option<Asker>,
    /// The most that the answer may take.
    pub(super) entry_max: usize,
    /// What a request asks that names no model.
    default_model: Option<Box<str>>,
    pub(super) tenant: Option<Box<str>>,
    /// Who follows another's answer waits as long as that one would have.
    pub(super) patience: Patience,
    /// What is not in the request's text and makes another question of it.
    pub(super) scope: Vec<u8>,
}

/// The request's own limits in time.
pub(super) type Patience = [Option<Limit>; 2];

/// A question's hash, and what else was seen of it on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) key: u128,
    /// The model as it was asked for.
    pub(super) asked: Box<str>,
    /// The request sets the answer's length.
    pub(super) limited: bool,
}

/// What a question is called in other processes: a hash that nobody can make two questions meet in, whoever knows how it is made.
pub(super) type Digest = [u8; 32];

impl Question {
    /// Of a request that is about to begin; `None` if the cache has nothing to do with it.
    pub(crate) fn of(
        cache: &Mutex<Arc<Cache>>,
        config: &Config,
        options: &Options,
        caller: Option<&Caller>,
        store: Option<&Arc<Redis>>,
        (asker, notes): (Option<Asker>, &Notes),
    ) -> Option<Box<Question>> {
        let how = policy::usage(
            config.cache.enabled,
            options.no_cache || options.warms(),
            options.cache.as_ref(),
        )?;
        let operation = options.operation().ok()?;
        if !matches!(
            operation,
            Operation::Chat | Operation::Completion | Operation::Responses | Operation::Embeddings
        ) {
            return None;
        }
        let cache = crate::lock(cache).clone();
        let mut scope = Scope::default();
        scope
            .number(config.cache.scope)
            .text(operation.name())
            .maybe(options.tenant.as_deref())
            .maybe(options.provider.as_deref())
            .maybe(options.base_url.as_deref())
            .maybe(options.extra_body.as_deref())
            .number(options.raw.into());
        // What a name stands for hangs on words of the request that are no part of the question.
        scope
            .number(notes.rule.map_or(0, |rule| 1 + rule as u64))
            .maybe(notes.branch.as_deref());
        scope.number(options.unsupported.map_or(0, |mode| 1 + mode as u64));
        // Whoever has a key of their own gets what that key pays for. Only its hash stays.
        let own_key = options.api_key.as_ref();
        scope.bytes(&own_key.map_or([0; 32], |key| sha256(key.expose().as_bytes())));
        scope.number(options.fallbacks.len() as u64);
        for name in &options.fallbacks {
            scope.text(name);
        }
        for (name, value) in &options.headers {
            scope.text(name.as_str()).bytes(value.as_bytes());
        }
        if let Some(caller) = caller {
            caller.scope(|bytes| {
                scope.bytes(bytes);
            });
        }
        let store = store.filter(|_| config.cache.shared).cloned();
        if store.is_some() {
            cache.share();
        }
        Some(Box::new(Question {
            cache,
            store,
            asker,
            shared_ttl: how.ttl.unwrap_or(config.cache.shared_ttl),
            ttl: how.ttl.unwrap_or(config.cache.ttl),
            how,
            entry_max: policy::entry_max(config.cache.max_bytes),
            default_model: config.default_model.as_deref().map(Box::from),
            tenant: options.tenant.as_deref().map(Box::from),
            patience: [options.first_token_timeout, options.idle_timeout],
            scope: scope.0,
        }))
    }

    /// The model as it is asked for.
    pub(super) fn asked<'q>(&'q self, request: &'q Request) -> &'q str {
        let model = request.model().filter(|model| !model.is_empty());
        model.or(self.default_model.as_deref()).unwrap_or_default()
    }

    /// Hashes what is asked; `None` if the request wants what no kept answer can give.
    pub(super) fn see(&self, job: &Job) -> Option<Seen> {
        let body = job.caller.as_deref().and_then(Caller::own_words);
        self.see_text(&job.request, body, job.caller.is_some())
    }

    /// The same, of a request, or of the text of one in another format.
    pub(crate) fn see_text(
        &self,
        request: &Request,
        body: Option<&[u8]>,
        passes: bool,
    ) -> Option<Seen> {
        TEXT.with(|text| {
            let mut text = text.borrow_mut();
            let limited = self.write(request, body, passes, &mut text)?;
            let key = self.cache.secret.hash(&text);
            if text.capacity() > TEXT_KEPT {
                *text = Vec::new();
            }
            Some(Seen {
                key,
                limited,
                asked: self.asked(request).into(),
            })
        })
    }

    /// What other processes call it, if any may have its answer.
    pub(super) fn digest(&self, job: &Job) -> Option<Digest> {
        self.store.as_ref()?;
        let body = job.caller.as_deref().and_then(Caller::own_words);
        let mut text = Vec::new();
        self.write(&job.request, body, job.caller.is_some(), &mut text)?;
        Some(sha256(&text))
    }

    // What is asked, as bytes, and whether it sets the length of the answer; nothing if no kept answer will do.
    fn write(
        &self,
        request: &Request,
        body: Option<&[u8]>,
        passes: bool,
        text: &mut Vec<u8>,
    ) -> Option<bool> {
        text.clear();
        text.extend_from_slice(&self.scope);
        let asked = self.asked(request).as_bytes();
        text.extend_from_slice(&(asked.len() as u64).to_le_bytes());
        text.extend_from_slice(asked);
        let behind_scope = text.len();
        let (mut forbidden, mut limited) = (false, false);
        let counts = |key: &str, value: &[u8]| {
            let member = policy::member(key, value, passes);
            forbidden |= member == Member::Forbids;
            limited |= policy::limits_length(key);
            member == Member::Counts
        };
        match body {
            Some(body) => canonical(body, counts, text).ok()?,
            None => request.canonical(counts, text),
        }
        if let Some(name) = &self.how.key {
            text.truncate(behind_scope);
            text.extend_from_slice(NAMED);
            text.extend_from_slice(name.as_bytes());
        }
        (!forbidden).then_some(limited)
    }
}

fn sha256(bytes: &[u8]) -> Digest {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut made = [0; 32];
    made.copy_from_slice(digest.as_ref());
    made
}

thread_local! {
    // What is hashed is written down first: one request after the other uses the same memory.
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// No length of a member is this one.
const NAMED: &[u8] = &[0xff; 8];
const TEXT_KEPT: usize = 256 << 10;

/// The hash, under a key that nobody else has.
#[derive(Clone)]
pub(super) struct Secret(highway::Key);

impl Default for Secret {
    fn default() -> Secret {
        // The standard library's own source of what nobody can guess.
        let word = || RandomState::new().build_hasher().finish();
        Secret(highway::Key([word(), word(), word(), word()]))
    }
}

impl Secret {
    pub(super) fn hash(&self, bytes: &[u8]) -> u128 {
        let [low, high] = HighwayHasher::new(self.0).hash128(bytes);
        u128::from(high) << 64 | u128::from(low)
    }
}

/// What is written one behind the other, each with its length.
#[derive(Default)]
struct Scope(Vec<u8>);

impl Scope {
    fn number(&mut self, number: u64) -> &mut Scope {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Scope {
        self.number(bytes.len() as u64).0.extend_from_slice(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Scope {
        self.bytes(text.as_bytes())
    }

    fn maybe(&mut self, text: Option<&str>) -> &mut Scope {
        self.number(text.is_some().into());
        self.text(text.unwrap_or_default())
    }
}
