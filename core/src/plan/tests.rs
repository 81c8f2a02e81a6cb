use std::io;

use super::*;
use crate::config::Environment;
use crate::error::Retry;

/// Variables, and no files.
struct Variables(&'static [(&'static str, &'static str)]);

impl Environment for Variables {
    fn var(&self, name: &str) -> Option<String> {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    }

    fn read(&self, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

const CONFIG: &str = r#"
    [providers.house]
    wire = "openai_chat"
    base_url = "http://10.0.0.5:8000/v1"
    headers = { X-Team = "canary-team" }
    tls = { server_name = "house.example" }
    timeouts = { idle = 7, first_token = 8 }
    [providers.locked]
    wire = "openai_chat"
    base_url = "http://10.0.0.6/v1"
    auth = "header:x-key"
    api_key = "canary-locked"
    [models.fast]
    targets = [{ model = "house/small", timeouts = { idle = 3 } }, { model = "openai/gpt/x" }]
    fallbacks = { any = ["slow", "locked/last"] }
    [models.slow]
    targets = [{ model = "locked/big" }]
    fallbacks = { any = ["house/never-by-way-of-fast"] }
    [models."house/small"]
    targets = [{ model = "locked/shadow" }]
    [timeouts]
    connect = 2
    idle = 9
"#;

fn planned(model: &str, options: &Options) -> Result<Candidates> {
    let environment = Variables(&[("OPENAI_API_KEY", "canary-openai")]);
    let config = Config::parse(CONFIG, &environment).unwrap();
    let request = format!(r#"{{"model":{model:?},"messages":[{{"role":"user","content":"hi"}}]}}"#);
    let request = Request::parse(request).unwrap();
    candidates(&config, &Learnt::default(), &request, options, true)
}

fn names(model: &str, options: &Options) -> Vec<String> {
    planned(model, options)
        .unwrap()
        .iter()
        .map(|candidate| candidate.target.to_string())
        .collect()
}

fn options(json: &str) -> Options {
    let mut options = Options::default();
    options.merge_json(json).unwrap();
    options
}

fn refused(model: &str, options: &Options) -> (ErrorKind, String) {
    let error = planned(model, options).unwrap_err();
    (error.kind(), error.message().to_owned())
}

#[test]
fn requests_that_say_nothing_of_their_own_share_their_candidates() {
    let environment = Variables(&[("OPENAI_API_KEY", "canary-openai")]);
    let config = Config::parse(CONFIG, &environment).unwrap();
    let learnt = Learnt::default();
    let plan = |more: &str, options: &str, stream| {
        let request =
            format!(r#"{{"model":"fast",{more}"messages":[{{"role":"user","content":"hi"}}]}}"#);
        let request = Request::parse(request).unwrap();
        candidates(&config, &learnt, &request, &self::options(options), stream).unwrap()
    };
    let first = plan("", "{}", true);
    let shared = |other: Candidates| {
        let pairs = first.iter().zip(other.iter());
        let shared: Vec<bool> = pairs.map(|(one, other)| Arc::ptr_eq(one, other)).collect();
        assert_eq!(shared.len(), 4);
        shared
    };
    assert_eq!(
        shared(plan("", r#"{"tenant":"t","session":"s"}"#, true)),
        [true; 4]
    );
    for (more, options, stream) in [
        ("", "{}", false),
        (r#""reasoning_effort":"high","#, "{}", true),
        ("", r#"{"timeout_ms":9000}"#, true),
        ("", r#"{"headers":{"x-a":"b"}}"#, true),
        ("", r#"{"idempotency_key":"k"}"#, true),
        ("", r#"{"unsupported":"drop"}"#, true),
        ("", r#"{"api_key":"own"}"#, true),
    ] {
        let other = plan(more, options, stream);
        assert_eq!(shared(other), [false; 4], "{more} {options} {stream}");
    }
    // Nor does what such a request says stay with the others.
    assert_eq!(shared(plan("", "{}", true)), [true; 4]);
}

fn key(candidate: &Candidate) -> Option<&str> {
    candidate.key().map(Secret::expose)
}

#[test]
fn a_provider_that_is_given_takes_the_model_verbatim() {
    let by = |provider: &str| Options {
        provider: Some(provider.into()),
        ..Options::default()
    };
    assert_eq!(names("fast", &by("openai")), ["openai/fast"]);
    assert_eq!(names("a/b", &by("house")), ["house/a/b"]);
    assert!(planned("echo", &by("mock")).unwrap()[0].mock);
    let (kind, message) = refused("m", &by("opena"));
    assert_eq!(kind, ErrorKind::Config);
    assert!(
        message.starts_with("unknown provider \"opena\", closest: openai, "),
        "{message}"
    );
}

#[test]
fn an_alias_comes_before_the_first_slash() {
    let plain = Options::default();
    let fast = ["house/small", "openai/gpt/x", "locked/big", "locked/last"];
    assert_eq!(names("fast", &plain), fast);
    assert_eq!(names("house/small", &plain), ["locked/shadow"]);
    assert_eq!(names("house/other", &plain), ["house/other"]);
    assert_eq!(names("openai/gpt/x", &plain), ["openai/gpt/x"]);
}

#[test]
fn a_bare_name_is_not_guessed() {
    for name in ["gpt-4o-mini", "fats", "/x", "openai/"] {
        let (kind, message) = refused(name, &Options::default());
        assert_eq!(kind, ErrorKind::Config, "{name}");
        assert!(
            message.contains("names no provider (provider/model); closest: "),
            "{message}"
        );
        assert_eq!(message.matches(", ").count(), 2, "three names: {message}");
    }
    assert!(
        refused("fats", &Options::default())
            .1
            .contains("closest: fast")
    );
}

#[test]
fn a_request_without_a_model_takes_the_default() {
    let environment = Variables(&[]);
    let request = Request::parse(r#"{"messages":[{"role":"user","content":"hi"}]}"#).unwrap();
    let config = Config::parse("default_model = \"mock/echo\"", &environment).unwrap();
    let planned = candidates(
        &config,
        &Learnt::default(),
        &request,
        &Options::default(),
        false,
    )
    .unwrap();
    assert_eq!(
        (planned[0].target.text(), planned[0].mock),
        ("mock/echo", true)
    );
    let config = Config::parse("{}", &environment).unwrap();
    let error = candidates(
        &config,
        &Learnt::default(),
        &request,
        &Options::default(),
        false,
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_missing_key_names_its_variable() {
    let (kind, message) = refused("groq/m", &Options::default());
    assert_eq!(kind, ErrorKind::Auth);
    let expected = "provider groq has no key: set GROQ_API_KEY, or api_key in [providers.groq]";
    assert_eq!(message, expected);
    let (kind, message) = refused("house/m", &options(r#"{"fallbacks":["groq/m"]}"#));
    assert_eq!(
        (kind, message),
        (ErrorKind::Auth, format!("fallbacks: {expected}")),
        "a fallback that cannot work is told at once"
    );
    assert_eq!(
        key(&planned("ollama/m", &Options::default()).unwrap()[0]),
        None
    );
}

// Run by tests/suites/features.sh.
#[cfg(not(feature = "gemini"))]
#[test]
fn a_row_whose_wire_is_missing_says_so() {
    let (kind, message) = refused("gemini/m", &Options::default());
    assert_eq!(kind, ErrorKind::Config);
    assert!(
        message.contains("gemini") && message.contains("is not in this build"),
        "{message}"
    );
}

#[test]
fn keys_go_to_their_own_origin_only() {
    let planned = planned("fast", &Options::default()).unwrap();
    let keys: Vec<_> = planned.iter().map(|it| key(it)).collect();
    assert_eq!(
        keys[..3],
        [None, Some("canary-openai"), Some("canary-locked")]
    );

    let elsewhere = options(r#"{"base_url":"http://evil.example/v1","fallbacks":["locked/m"]}"#);
    let planned = self::planned("openai/m", &elsewhere).unwrap();
    assert_eq!(planned[0].provider.base_url, "http://evil.example/v1");
    assert_eq!(
        (key(&planned[0]), &planned[0].provider.key),
        (None, &Key::None)
    );
    assert_eq!(
        planned[1].provider.base_url, "http://10.0.0.6/v1",
        "others keep their place"
    );
    assert_eq!(key(&planned[1]), Some("canary-locked"));

    let own =
        options(r#"{"base_url":"http://evil.example","api_key":"mine","fallbacks":["locked/m"]}"#);
    let planned = self::planned("house/m", &own).unwrap();
    assert_eq!(
        (key(&planned[0]), key(&planned[1])),
        (Some("mine"), Some("canary-locked"))
    );
    assert!(
        !format!("{:?}", planned[0]).contains("canary"),
        "headers stay at their origin"
    );
    assert_eq!(planned[0].provider.tls.server_name, None);
    assert_eq!(
        planned[0].provider.auth,
        libllm_proto::provider::Auth::Bearer
    );
}

#[test]
fn a_key_of_the_request_is_for_its_own_provider() {
    let planned = planned(
        "openai/m",
        &options(r#"{"api_key":"mine","fallbacks":["locked/m","openai/n"]}"#),
    )
    .unwrap();
    let keys: Vec<_> = planned.iter().map(|it| key(it)).collect();
    assert_eq!(keys, [Some("mine"), Some("canary-locked"), Some("mine")]);
}

#[test]
fn the_nearest_limit_wins() {
    let seconds = Duration::from_secs;
    let fast = planned("fast", &Options::default()).unwrap();
    let idle: Vec<_> = fast
        .iter()
        .map(|candidate| candidate.timeouts.idle)
        .collect();
    assert_eq!(idle, [seconds(3), seconds(9), seconds(9), seconds(9)]);
    assert_eq!(fast[0].timeouts.first_token, seconds(8));
    assert_eq!(fast[0].timeouts.connect, seconds(2));
    assert_eq!(fast[0].timeouts.total, None);
    let said = options(r#"{"timeout_ms":1000,"idle_timeout_ms":5,"first_token_timeout_ms":-1}"#);
    for candidate in planned("fast", &said).unwrap().iter() {
        assert_eq!(candidate.timeouts.idle, Duration::from_millis(5));
        assert_eq!(candidate.timeouts.total, Some(seconds(1)));
        assert_eq!(candidate.timeouts.first_token, Limit::Never.duration());
    }
}

#[test]
fn a_request_for_reasoning_is_given_more_time_unless_someone_said_how_much() {
    let config = Config::parse(CONFIG, &Variables(&[])).unwrap();
    let first_token = |model: &str, more: &str, stream| {
        let text =
            format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]{more}}}"#);
        let request = Request::parse(text).unwrap();
        let planned = candidates(
            &config,
            &Learnt::default(),
            &request,
            &Options::default(),
            stream,
        )
        .unwrap();
        planned[0].timeouts.first_token.as_secs()
    };
    assert_eq!(first_token("mock/echo", "", true), 60);
    assert_eq!(
        first_token("mock/echo", r#","reasoning_effort":"high""#, true),
        300
    );
    assert_eq!(
        first_token("mock/echo", r#","reasoning_effort":"none""#, true),
        60
    );
    assert_eq!(
        first_token("house/m", r#","reasoning_effort":"high""#, true),
        8
    );
}

#[test]
fn options_reach_every_candidate() {
    let said = options(r#"{"headers":{"X-A":"1"},"idempotency_key":"i","unsupported":"error"}"#);
    for candidate in planned("fast", &said).unwrap().iter() {
        let header = |name: &str| {
            let found = candidate.headers().rfind(|(known, _)| known == name);
            found.map(|(_, value)| value.as_bytes())
        };
        assert_eq!(
            (header("x-a"), header("idempotency-key")),
            (Some(&b"1"[..]), Some(&b"i"[..]))
        );
        assert_eq!(candidate.unsupported, Unsupported::Error);
    }
}

#[test]
fn what_the_wire_of_a_target_cannot_say_is_refused_for_others_to_try() {
    let asks = |operation: &str| Options {
        operation: Some(operation.into()),
        ..Options::default()
    };
    let counting = asks(Operation::CountTokens.name());
    let candidates = planned("house/small", &counting).unwrap();
    let candidate = candidates.iter().next().unwrap();
    let request = r#"{"model":"small","messages":[{"role":"user","content":"hi"}]}"#.to_owned();
    let error = operation::encode(
        candidate.wire,
        &Request::parse(request).unwrap(),
        &wire::Target {
            provider: candidate.target.provider(),
            model: candidate.target.model(),
            base_url: &candidate.provider.base_url,
            stream: false,
            operation: Operation::CountTokens,
            quirks: &candidate.provider.quirks,
            unsupported: candidate.unsupported,
            extra_body: None,
        },
    );
    let error = error.expect_err("Chat Completions count no tokens");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.retry(), Retry::Elsewhere);
    // What no wire at all can say is refused before anybody is chosen.
    let (kind, _) = refused("nobody", &asks("divination"));
    assert_eq!(kind, ErrorKind::Unsupported);
}
