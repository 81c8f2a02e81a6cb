//! What configuration says when it is wrong, and what it means when it is right.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use libllm::ErrorKind;
use libllm::config::{Config, Environment, Key};

/// Made-up variables and files.
#[derive(Default)]
struct Made {
    variables: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<&'static str, &'static str>,
}

impl Environment for Made {
    fn var(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| (*value).to_owned())
    }

    fn read(&self, path: &str) -> io::Result<String> {
        let text = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok((*text).to_owned())
    }
}

fn made() -> Made {
    Made {
        variables: [("SET", " sk-canary \n"), ("BROKEN", "a\nb"), ("EMPTY", " ")].into(),
        files: [
            ("key", "sk-canary\n"),
            ("llm.toml", "default_model = \"mock/file\""),
            ("bad.toml", "[retry]\n  max_attempts = 11"),
            ("ca.pem", include_str!("data/ca.pem")),
            ("empty.pem", ""),
        ]
        .into(),
    }
}

/// The complaint about a text, which must be of kind CONFIG and hold no secret.
fn complaint(text: &str) -> String {
    let error = Config::parse(text, &made()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{text}: {error}");
    assert!(!error.message().contains("canary"), "{error}");
    error.message().to_owned()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let message = complaint(text);
    for part in expected {
        assert!(
            message.contains(part),
            "{text}\n  {message}\n  lacks {part}"
        );
    }
}

#[test]
fn an_unknown_key_is_told_with_its_place_and_the_nearest_one() {
    check(
        "retyr = 1",
        &[
            "config line 1, column 1: unknown key retyr, expected one of default_model, ",
            "closest: retry",
        ],
    );
    check(
        "\n[providers.openai]\n  api_kye = \"sk-canary\"",
        &[
            "line 3, column 3: unknown key providers.openai.api_kye",
            "closest: api_key",
        ],
    );
    check(
        "{\n \"timeouts\": {\"idle\": 1,\n   \"first_item\": 2}}",
        &[
            "line 3, column 4: unknown key timeouts.first_item",
            "closest: first_token",
        ],
    );
    check(
        "[models.\"a b\"]\ntargets = [{ modle = \"x/y\" }]",
        &[
            "line 2, column ",
            "unknown key models.\"a b\".targets[0].modle",
            "closest: model",
        ],
    );
    check("[memory]\nper_proces = 1", &["closest: per_process"]);
    check("[runtime]\nthread = 1", &["closest: threads"]);
    check(
        "[providers.openai]\ntls = { ca = \"x\" }",
        &["closest: ca_file"],
    );
}

// Run by tests/suites/features.sh.
#[cfg(not(any(feature = "gemini", feature = "bedrock")))]
#[test]
fn what_was_not_built_is_refused_by_name() {
    for (text, value) in [
        (
            "[providers.openai]\nauth = \"sigv4\"",
            "auth sigv4 is not in this build",
        ),
        (
            "[providers.openai]\nauth = \"google\"",
            "auth google is not in this build",
        ),
        (
            "[providers.mine]\nwire = \"gemini\"\nbase_url = \"http://h\"",
            "wire gemini is not in this build",
        ),
        (
            "[providers.gemini]\napi_key = \"k\"",
            "wire gemini, which is not in this build",
        ),
        ("default_model = \"gemini/g\"", "is not in this build"),
    ] {
        check(text, &[value]);
    }
}

// Run by tests/suites/features.sh.
#[cfg(not(feature = "otlp"))]
#[test]
fn what_was_not_built_of_telemetry_is_refused() {
    check(
        "[telemetry]\notlp = \"off\"",
        &["key telemetry.otlp is not in this build"],
    );
    check(
        "[telemetry]\nsemconv = \"latest\"",
        &["key telemetry.semconv is not in this build"],
    );
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    check(
        "default_model = 5",
        &["line 1, column 17: default_model: expected a string, got a number"],
    );
    check(
        "timeouts = 5",
        &["timeouts: expected a table, got a number"],
    );
    check(
        "[timeouts]\nidle = \"5\"",
        &["line 2, column 8: timeouts.idle: expected seconds above 0, got a string"],
    );
    check(
        "[retry]\nmax_attempts = 2.5",
        &["expected a whole number in 1 to 10, got a number"],
    );
    check(
        "{\"retry\":null}",
        &["column 10: retry: expected a table, got null"],
    );
    check(
        "[providers.openai]\napi_key = [\"sk-canary\"]",
        &["providers.openai.api_key: expected a string, got a list"],
    );
    check(
        "[models.a]\ntargets = { model = \"mock/x\" }",
        &["models.a.targets: expected a list, got a table"],
    );
    check(
        "default_model = 2026-01-01",
        &["expected a string, got a date"],
    );
}

#[test]
fn numbers_have_ranges() {
    for seconds in [
        "0", "-1", "0.0", "nan", "inf", "-inf", "1e300", "86401", "0.0001",
    ] {
        check(
            &format!("[timeouts]\nidle = {seconds}"),
            &["timeouts.idle: expected seconds above 0"],
        );
    }
    for threads in ["0", "-1", "1025", "99999999999"] {
        check(
            &format!("[runtime]\nthreads = {threads}"),
            &["runtime.threads: expected a whole number in 1 to 1024, got"],
        );
    }
    for attempts in ["0", "11"] {
        check(
            &format!("[retry]\nmax_attempts = {attempts}"),
            &["in 1 to 10, got"],
        );
    }
    for bytes in ["0", "4095", "9223372036854775807"] {
        check(
            &format!("[memory]\nmax_event = {bytes}"),
            &["memory.max_event: expected a whole number in 4096 to"],
        );
    }
    check(
        "[runtime]\nthreads = 99999999999999999999",
        &["line 2, column 11"],
    );
    check(
        "[providers.openai]\nidle_pool_s = -1",
        &["idle_pool_s: expected seconds, 0 or more"],
    );
}

#[test]
fn secrets_that_are_not_there_name_what_is_missing() {
    check(
        "[providers.openai]\napi_key = \"env:NO_SUCH\"",
        &["line 2, column 11: providers.openai.api_key: environment variable NO_SUCH is not set"],
    );
    check(
        "[providers.openai]\napi_key = \"file:no/such\"",
        &["api_key: cannot read no/such"],
    );
    check(
        "[providers.openai]\napi_key = \"env:BROKEN\"",
        &["holds characters that HTTP does not allow"],
    );
    check("[providers.openai]\napi_key = \"\"", &["api_key: is empty"]);
    check(
        "[providers.openai]\napi_key = \"env:EMPTY\"",
        &["api_key: is empty"],
    );
    check(
        "[providers.mine]\nwire = \"openai_chat\"\nbase_url = \"http://h\"\nauth = \"none\"\napi_key = \"sk-canary\"",
        &["would not be sent"],
    );
}

#[test]
fn providers_are_checked() {
    check(
        "[providers.mine]\nbase_url = \"http://h\"",
        &["providers.mine.wire is missing, expected openai_chat, "],
    );
    check(
        "[providers.mine]\nwire = \"openai_chat\"",
        &["providers.mine.base_url is missing, expected everything before"],
    );
    check(
        "[providers.mine]\nwire = \"open_chat\"\nbase_url = \"http://h\"",
        &["unknown wire \"open_chat\"", "closest: openai_chat"],
    );
    check(
        "[providers.mock]\nwire = \"openai_chat\"",
        &["providers.mock: expected a name that is not empty, not mock"],
    );
    check(
        "[providers.\"a/b\"]\nwire = \"openai_chat\"",
        &["has no slash"],
    );
    for url in [
        "h",
        "ftp://h",
        "http://",
        "http://u:p@h",
        "http://h?a=b",
        "http://h#f",
    ] {
        check(
            &format!("[providers.openai]\nbase_url = \"{url}\""),
            &["line 2, column 12: providers.openai.base_url: base URL"],
        );
    }
    check(
        "[providers.openai]\nauth = \"basic\"",
        &["expected bearer, header:NAME, query:NAME", " or none"],
    );
    check(
        "[providers.openai]\nheaders = { \"a b\" = \"c\" }",
        &["providers.openai.headers.\"a b\": expected a header name"],
    );
    check(
        "[providers.openai]\nheaders = { Host = \"c\" }",
        &["is set by the library"],
    );
    check(
        "[providers.openai]\nheaders = { Authorization = \"c\" }",
        &["credentials go into api_key"],
    );
    check(
        "[providers.anthropic]\nheaders = { X-Api-Key = \"c\" }",
        &["this is where the key goes"],
    );
    check(
        "[providers.openai]\nheaders = { A = \"sk-canary\\r\\nb\" }",
        &["headers.A: holds characters"],
    );
    check(
        "[providers.openai]\nquirks = { stream_usage = false, tool_ids = \"x\" }",
        &[
            "line 2, column ",
            "providers.openai.quirks.tool_ids: ",
            "alnum9",
        ],
    );
    check(
        "[providers.openai]\nquirks = { streams = false }",
        &["unknown field `streams`", "stream_usage"],
    );
    check(
        "[providers.openai]\ntls = { ca_file = \"no.pem\" }",
        &["tls.ca_file: cannot read no.pem"],
    );
    check(
        "[providers.openai]\ntls = { ca_file = \"empty.pem\" }",
        &["empty.pem: holds no certificate in PEM"],
    );
    check(
        "[providers.openai]\ntls = { server_name = \"a b\" }",
        &["tls.server_name: expected a host name"],
    );
    check(
        "[providers.anthropic]\norganization = \"x\"",
        &["this provider takes no organization"],
    );
}

#[test]
fn names_in_aliases_must_be_known() {
    check(
        "default_model = \"gpt-5\"",
        &[
            "default_model: model \"gpt-5\" is no alias and names no provider",
            "closest: ",
        ],
    );
    check(
        "default_model = \"opena/gpt-5\"",
        &["unknown provider \"opena\", closest: openai, "],
    );
    check(
        "[models.a]\nstrategy = \"order\"",
        &["models.a.targets is missing"],
    );
    check(
        "[models.a]\ntargets = []",
        &["expected at least one target"],
    );
    check(
        "[models.a]\ntargets = [{}]",
        &["models.a.targets[0].model is missing"],
    );
    check(
        "[models.a]\ntargets = [{ model = \"b\" }]\n[models.b]\ntargets = [{ model = \"mock/x\" }]",
        &["targets[0].model: expected \"provider/model\", got \"b\""],
    );
    check(
        "[models.a]\ntargets = [{ model = \"mock/x\" }]\nfallbacks = { any = [\"bb\"] }\n[models.b]\ntargets = [{ model = \"mock/x\" }]",
        &[
            "line 3, column ",
            "fallbacks.any[0]: model \"bb\"",
            "closest: b, ",
        ],
    );
    check(
        "[models.a]\nstrategy = \"ordre\"\ntargets = [{ model = \"mock/x\" }]",
        &["strategy: expected \"order\"", "got \"ordre\""],
    );
}

#[test]
fn files_are_named_in_complaints() {
    check(
        "@bad.toml",
        &["config file bad.toml line 2, column 18: retry.max_attempts: "],
    );
    check(" @ no.toml", &["cannot read config file no.toml: "]);
    let config = Config::parse("@llm.toml", &made()).unwrap();
    assert_eq!(config.default_model.as_deref(), Some("mock/file"));
    let mut environment = made();
    environment.variables.insert("LLM_CONFIG", "llm.toml");
    for text in ["", " \n", "{}", "{ }\n"] {
        let config = Config::parse(text, &environment).unwrap();
        assert_eq!(
            config.default_model.as_deref(),
            Some("mock/file"),
            "{text:?}"
        );
    }
    assert_eq!(
        Config::parse("[timeouts]", &environment)
            .unwrap()
            .default_model,
        None
    );
    environment.variables.insert("LLM_CONFIG", "no.toml");
    let error = Config::parse("{}", &environment).unwrap_err();
    assert!(
        error
            .message()
            .starts_with("LLM_CONFIG: cannot read config file no.toml"),
        "{error}"
    );
}

#[test]
fn rows_take_keys_and_places_from_the_environment() {
    let mut environment = made();
    environment.variables.extend([
        ("OPENAI_API_KEY", "sk-canary"),
        ("OPENAI_BASE_URL", "http://proxy:1/v1/"),
        ("OPENAI_ORG_ID", "org"),
        ("OLLAMA_HOST", "0.0.0.0:7"),
        ("GROQ_BASE_URL", "nonsense"),
    ]);
    let config = Config::parse("{}", &environment).unwrap();
    let openai = &config.providers["openai"];
    assert!(matches!(openai.key, Key::Set(_)));
    assert_eq!(openai.base_url, "http://proxy:1/v1");
    assert_eq!(openai.headers.last().unwrap().0, "openai-organization");
    assert_eq!(config.providers["ollama"].base_url, "http://127.0.0.1:7/v1");
    assert_eq!(config.providers["ollama"].key, Key::None);
    let missing = Key::Missing {
        variables: vec!["XAI_API_KEY".into()],
    };
    assert_eq!(config.providers["xai"].key, missing);
    assert!(!format!("{config:?}").contains("canary"));
    let why = config.unusable["groq"].message();
    assert!(
        why.starts_with("provider groq: variable GROQ_BASE_URL: base URL"),
        "{why}"
    );
    // What the text says itself, it does not look up.
    let text = "[providers.groq]\nbase_url = \"http://h\"\napi_key = \"k\"";
    assert_eq!(
        Config::parse(text, &environment).unwrap().providers["groq"].base_url,
        "http://h"
    );
    let error = Config::parse("[providers.groq]\napi_key = \"k\"", &environment).unwrap_err();
    assert!(
        error
            .message()
            .starts_with("config line 1, column 1: providers.groq: variable GROQ_BASE_URL"),
        "{error}"
    );
}

#[test]
fn a_table_adds_to_a_row_and_hides_no_other() {
    let text = "[providers.mistral]\napi_key = \"env:SET\"\ntimeouts = { idle = 1.5 }\nidle_pool_s = 0\nquirks = { stream_usage = true }\ntls = { ca_file = \"ca.pem\" }";
    let config = Config::parse(text, &made()).unwrap();
    let mistral = &config.providers["mistral"];
    assert!(matches!(mistral.key, Key::Set(_)));
    assert_eq!(mistral.base_url, "https://api.mistral.ai/v1");
    assert_eq!(mistral.timeouts.idle, Some(Duration::from_millis(1500)));
    assert_eq!(mistral.idle_pool, Duration::ZERO);
    assert!(mistral.quirks.stream_usage);
    assert_eq!(
        mistral.quirks.tool_ids,
        Some("alnum9"),
        "what is not named stays"
    );
    assert!(config.providers.contains_key("openai"));
}

#[test]
fn a_service_of_ones_own_takes_a_bearer_key_if_it_is_given_one() {
    let base = "[providers.mine]\nwire = \"openai_chat\"\nbase_url = \"http://h:1/v1/\"\n";
    let mine = |more: &str| {
        let config = Config::parse(&format!("{base}{more}"), &made()).unwrap();
        let provider = config.providers["mine"].clone();
        (
            format!("{:?}", provider.auth),
            provider.key.clone(),
            provider.base_url.clone(),
        )
    };
    assert_eq!(mine(""), ("None".into(), Key::None, "http://h:1/v1".into()));
    let (auth, key, _) = mine("api_key = \"file:key\"");
    assert_eq!(
        (auth.as_str(), key),
        ("Bearer", Key::Set("sk-canary".into()))
    );
    assert_eq!(
        mine("auth = \"bearer\"").1,
        Key::Missing {
            variables: Vec::new()
        }
    );
}

#[test]
fn both_formats_mean_the_same() {
    let toml = "[providers.mine]\nwire = \"openai_chat\"\nbase_url = \"http://h\"\n[timeouts]\nidle = 2\n[models.a]\ntargets = [{ model = \"mine/x\" }]\nfallbacks = { any = [\"mock/echo\"] }\n[params]\nunsupported = \"pass\"\n[memory]\nper_process = 8192\n[runtime]\nthreads = 3\n";
    let json = r#" {"providers":{"mine":{"wire":"openai_chat","base_url":"http://h"}},"timeouts":{"idle":2.0},"models":{"a":{"targets":[{"model":"mine/x"}],
        "fallbacks":{"any":["mock/echo"]}}},"params":{"unsupported":"pass"},"memory":{"per_process":8192},"runtime":{"threads":3}}"#;
    let parse = |text| format!("{:?}", Config::parse(text, &made()).unwrap());
    assert_eq!(parse(toml), parse(json));
    assert_eq!(
        parse(&format!("\u{feff}{toml}")),
        parse(toml),
        "a byte order mark says nothing"
    );
}

#[test]
fn hostile_texts_are_errors() {
    let deep = "a.".repeat(50_000) + "b = 1";
    let nested = "{\"a\":".repeat(50_000);
    for text in [
        "{",
        "\"",
        "[",
        "=",
        "\0",
        "{\"providers\":{\"\":{}}}",
        "[providers.openai",
        &deep,
        &nested,
    ] {
        complaint(text);
    }
}

#[test]
fn the_manuals_examples_are_right() {
    let manual = include_str!("../../docs/config.md");
    let mut blocks = 0;
    for format in ["toml", "json"] {
        for block in manual.split(&format!("```{format}\n")).skip(1) {
            let text = block.split("```").next().unwrap();
            let mut environment = made();
            environment
                .variables
                .extend([("OPENAI_API_KEY", "k"), ("HOUSE_KEY", "k")]);
            environment
                .files
                .insert("/etc/ssl/house.pem", include_str!("data/ca.pem"));
            Config::parse(text, &environment).unwrap_or_else(|error| panic!("{error}\n{text}"));
            blocks += 1;
        }
    }
    assert_eq!(blocks, 2);
}
