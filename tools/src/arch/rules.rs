//! Who may name what: the directions of ARCHITECTURE.md section 4, one row a rule, each with a sample that it must catch.

use super::Finding;
use super::source::{Source, tokens};

/// Applies every rule to the shipped code of every file.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let names = Names::of(sources);
    let mut findings = Vec::new();
    for source in sources {
        let rules: Vec<&Rule> = RULES
            .iter()
            .filter(|rule| (rule.applies)(&source.place))
            .collect();
        for (number, line) in source.shipped.lines().enumerate() {
            let line = Line {
                place: &source.place,
                tokens: tokens(line),
                names: &names,
            };
            for rule in &rules {
                if let Some(what) = (rule.hit)(&line) {
                    findings.push(Finding::new(
                        &source.place,
                        number + 1,
                        format!("`{what}`: {}", rule.why),
                    ));
                }
            }
        }
        if FORBIDS_UNSAFE.contains(&source.place.as_str())
            && !source.code.contains("#![forbid(unsafe_code)]")
        {
            findings.push(Finding::new(
                &source.place,
                1,
                "no `#![forbid(unsafe_code)]`: unsafe code lives in ffi alone",
            ));
        }
    }
    findings
}

/// Crate roots that promise to hold no unsafe code.
const FORBIDS_UNSAFE: &[&str] = &[
    "proto/src/lib.rs",
    "core/src/lib.rs",
    "gateway/src/main.rs",
    "tools/src/main.rs",
];

/// Modules that must not know their siblings.
struct Names {
    wires: Vec<String>,
    policies: Vec<String>,
}

impl Names {
    fn of(sources: &[Source]) -> Names {
        Names {
            wires: modules(sources, WIRES, |source| {
                source.shipped.contains("Wire for ")
            }),
            policies: modules(sources, POLICIES, |_| true),
        }
    }
}

/// First path component below `folder` of each file that counts, without `.rs`.
fn modules(sources: &[Source], folder: &str, counts: fn(&Source) -> bool) -> Vec<String> {
    let mut names: Vec<String> = sources
        .iter()
        .filter(|source| counts(source))
        .filter_map(|source| module(&source.place, folder))
        .map(str::to_owned)
        .collect();
    names.dedup();
    names
}

/// The module below `folder` that a file belongs to; `mod.rs` belongs to none.
fn module<'a>(place: &'a str, folder: &str) -> Option<&'a str> {
    let first = place.strip_prefix(folder)?.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (name != "mod").then_some(name)
}

struct Line<'a> {
    place: &'a str,
    tokens: Vec<&'a str>,
    names: &'a Names,
}

impl<'a> Line<'a> {
    /// The first of `words` on this line.
    fn word(&self, words: &[&str]) -> Option<String> {
        self.tokens
            .iter()
            .find(|token| words.contains(token))
            .map(|token| (*token).to_owned())
    }

    /// `a::b` for the first pair that is there.
    fn path(&self, pairs: &[(&str, &str)]) -> Option<String> {
        let pair = |three: &[&str]| pairs.iter().find(|(a, b)| three == [*a, "::", *b]);
        self.tokens
            .windows(3)
            .find_map(pair)
            .map(|(a, b)| format!("{a}::{b}"))
    }

    /// A module named as part of a path.
    fn module(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let tokens = &self.tokens;
        let part =
            |at: usize| tokens.get(at + 1) == Some(&"::") || at > 0 && tokens[at - 1] == "::";
        (0..tokens.len())
            .find(|at| wanted(tokens[*at]) && part(*at))
            .map(|at| tokens[at].to_owned())
    }

    /// A call of one of `names`.
    fn call(&self, names: &[&str]) -> Option<String> {
        self.tokens
            .windows(2)
            .find(|two| names.contains(&two[0]) && two[1] == "(")
            .map(|two| format!("{}()", two[0]))
    }
}

struct Rule {
    why: &'static str,
    applies: fn(&str) -> bool,
    hit: fn(&Line<'_>) -> Option<String>,
    /// A file and a line in it that break the rule, and a line that does not.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "samples are read by the test alone")
    )]
    samples: [&'static str; 3],
}

const WIRES: &str = "proto/src/wire/";
const POLICIES: &str = "core/src/policy/";

fn core_but(place: &str, allowed: &[&str]) -> bool {
    place
        .strip_prefix("core/src/")
        .is_some_and(|rest| !allowed.iter().any(|start| rest.starts_with(start)))
}

const RULES: &[Rule] = &[
    Rule {
        why: "proto does no I/O and runs on no engine",
        applies: |place| place.starts_with("proto/src/"),
        hit: |line| {
            let engines = ["tokio", "reqwest", "hyper", "rustls", "unsafe"];
            let sockets = ["TcpStream", "TcpListener", "UdpSocket", "ToSocketAddrs"];
            line.word(&engines)
                .or_else(|| line.word(&sockets))
                .or_else(|| {
                    line.path(&[
                        ("std", "env"),
                        ("std", "fs"),
                        ("std", "thread"),
                        ("std", "process"),
                    ])
                })
        },
        samples: ["proto/src/a.rs", "use tokio::time;", "use std::fmt;"],
    },
    Rule {
        why: "proto reads no clock: `now` is an argument",
        applies: |place| place.starts_with("proto/src/"),
        hit: |line| line.path(&[("Instant", "now"), ("SystemTime", "now")]),
        samples: [
            "proto/src/a.rs",
            "let now = std::time::SystemTime::now();",
            "fn f(now: SystemTime) {}",
        ],
    },
    Rule {
        why: "a framer knows bytes, not formats, requests or providers",
        applies: |place| place.starts_with("proto/src/frame/"),
        // `Flow` is the word by which any reader stops any framer; it says nothing of a format.
        hit: |line| {
            line.module(|name| ["provider", "request", "carrier"].contains(&name))
                .or_else(|| {
                    line.module(|name| name == "wire")
                        .filter(|_| line.path(&[("wire", "Flow")]).is_none())
                })
        },
        samples: [
            "proto/src/frame/sse.rs",
            "use crate::wire::Wire;",
            "use crate::wire::Flow;",
        ],
    },
    Rule {
        why: "a wire imports no other wire",
        applies: |place| module(place, WIRES).is_some(),
        hit: |line| {
            let own = module(line.place, WIRES);
            line.module(|name| {
                Some(name) != own && line.names.wires.iter().any(|wire| wire == name)
            })
        },
        samples: [
            "proto/src/wire/anthropic.rs",
            "use super::openai_chat::Delta;",
            "use super::Wire;",
        ],
    },
    Rule {
        why: "a wire knows quirks, not providers",
        applies: |place| module(place, WIRES).is_some(),
        hit: |line| {
            line.word(&["Provider"]).or_else(|| {
                line.path(&[
                    ("provider", "find"),
                    ("provider", "ROWS"),
                    ("provider", "rows"),
                ])
            })
        },
        samples: [
            "proto/src/wire/anthropic.rs",
            "let row = crate::provider::find(id);",
            "use crate::provider::Quirks;",
        ],
    },
    Rule {
        why: "the decoder knows the traits of wires only",
        applies: |place| place == "proto/src/decoder.rs" || place.starts_with("proto/src/decoder/"),
        hit: |line| line.module(|name| line.names.wires.iter().any(|wire| wire == name)),
        samples: [
            "proto/src/decoder.rs",
            "use crate::wire::anthropic::Messages;",
            "use crate::wire::Reader;",
        ],
    },
    Rule {
        why: "only runtime.rs, clock.rs and transport/ name the engine, so that another can turn the loop",
        applies: |place| core_but(place, &["runtime.rs", "clock.rs", "transport/"]),
        hit: |line| line.word(&["tokio"]),
        samples: [
            "core/src/queue.rs",
            "use tokio::sync::Notify;",
            "use std::sync::Mutex;",
        ],
    },
    Rule {
        why: "only transport/http1.rs names hyper, only transport/http2.rs h2",
        applies: |place| core_but(place, &["transport/http1.rs", "transport/http2.rs"]),
        hit: |line| line.word(&["hyper", "h2"]),
        samples: [
            "core/src/transport/mod.rs",
            "use hyper::body::Incoming;",
            "use http::Request;",
        ],
    },
    Rule {
        why: "connections are made in transport/",
        applies: |place| core_but(place, &["transport/"]),
        hit: |line| line.word(&["hyper_util", "tokio_rustls", "rustls"]),
        samples: [
            "core/src/client.rs",
            "use hyper_util::rt::TokioIo;",
            "use crate::transport::Transport;",
        ],
    },
    Rule {
        why: "reqwest serves token endpoints and catalogs, in transport/control.rs",
        applies: |place| core_but(place, &["transport/control.rs"]),
        hit: |line| line.word(&["reqwest"]),
        samples: [
            "core/src/call.rs",
            "let client = reqwest::Client::new();",
            "let client = Client::new();",
        ],
    },
    Rule {
        why: "a policy knows no other policy; the loop knows them all",
        applies: |place| module(place, POLICIES).is_some(),
        hit: |line| {
            let own = module(line.place, POLICIES).unwrap_or_default();
            // `view` is what all of them look at, `dice` what they throw; neither decides anything.
            let shared = ["view", "dice"];
            let reads = |name: &str| {
                name == own || shared.contains(&name) || (own, name) == ("route", "health")
            };
            line.module(|name| {
                line.names.policies.iter().any(|policy| policy == name) && !reads(name)
            })
        },
        samples: [
            "core/src/policy/retry.rs",
            "use super::route::Plan;",
            "use std::time::Duration;",
        ],
    },
    Rule {
        why: "stores live in core/src/store/, behind the cache policy",
        applies: |place| core_but(place, &["store/"]),
        hit: |line| line.word(&["moka", "redis"]),
        samples: [
            "core/src/policy/retry.rs",
            "use redis::Client;",
            "use crate::store::Store;",
        ],
    },
    Rule {
        why: "only clock.rs reads time and sleeps",
        applies: |place| core_but(place, &["clock.rs"]),
        hit: |line| {
            line.path(&[
                ("Instant", "now"),
                ("SystemTime", "now"),
                ("tokio", "time"),
                ("thread", "sleep"),
                ("time", "sleep"),
            ])
        },
        samples: [
            "core/src/call.rs",
            "let start = Instant::now();",
            "clock::sleep(wait).await;",
        ],
    },
    Rule {
        why: "calls are spawned by client.rs, connections by the transport and the store, a bell by queue.rs, the rest by runtime.rs",
        applies: |place| {
            core_but(
                place,
                &[
                    "client.rs",
                    "queue.rs",
                    "runtime.rs",
                    "transport/drain.rs",
                    "transport/http2.rs",
                    "transport/pool.rs",
                    "store/redis.rs",
                ],
            )
        },
        hit: |line| {
            line.call(&[
                "spawn",
                "spawn_here",
                "spawn_local",
                "spawn_blocking",
                "block_on",
            ])
        },
        samples: [
            "core/src/call.rs",
            "tokio::spawn(async move {});",
            "let respawned = spawned(x);",
        ],
    },
    Rule {
        why: "only runtime.rs makes threads",
        applies: |place| core_but(place, &["runtime.rs"]),
        hit: |line| {
            line.path(&[
                ("thread", "spawn"),
                ("thread", "Builder"),
                ("thread", "scope"),
            ])
        },
        samples: [
            "core/src/client.rs",
            "std::thread::Builder::new()",
            "std::thread::current()",
        ],
    },
    Rule {
        why: "all unsafe code is in ffi",
        applies: |place| {
            !place.starts_with("ffi/")
                && !place.starts_with("bench/")
                && place.split('/').nth(1) == Some("src")
        },
        hit: |line| line.word(&["unsafe"]),
        samples: [
            "gateway/src/main.rs",
            "unsafe { libc::fork() }",
            "#![forbid(unsafe_code)]",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Files that give the rules the siblings they speak of.
    fn tree() -> Vec<Source> {
        let wire = "impl Wire for X {}\n";
        vec![
            Source::new("proto/src/wire/anthropic.rs", wire),
            Source::new("proto/src/wire/openai_chat/mod.rs", wire),
            Source::new("core/src/policy/route.rs", "use super::health::Health;\n"),
            Source::new("core/src/policy/health.rs", ""),
            Source::new("core/src/policy/retry.rs", ""),
        ]
    }

    fn findings(place: &str, line: &str) -> Vec<Finding> {
        let mut sources = tree();
        assert_eq!(check(&sources), [], "the tree itself is clean");
        sources.push(Source::new(
            place,
            &format!("#![forbid(unsafe_code)]\n{line}\n"),
        ));
        check(&sources)
    }

    #[test]
    fn every_rule_fires_on_its_bad_sample_and_spares_its_good_one() {
        for rule in RULES {
            let [place, bad, good] = rule.samples;
            let found = findings(place, bad);
            assert!(
                found
                    .iter()
                    .any(|f| f.why.ends_with(rule.why) && f.line == 2),
                "{bad}: {found:?}"
            );
            assert_eq!(findings(place, good), [], "{good}");
        }
    }

    #[test]
    fn allowed_places_are_allowed() {
        assert_eq!(
            findings(
                "core/src/runtime.rs",
                "tokio::spawn(x); std::thread::Builder::new();"
            ),
            []
        );
        assert_eq!(
            findings(
                "core/src/clock.rs",
                "tokio::time::sleep(x); Instant::now();"
            ),
            []
        );
        assert_eq!(
            findings(
                "proto/src/wire/openai_chat/parse.rs",
                "use crate::wire::openai_chat::Delta;"
            ),
            []
        );
        assert_eq!(findings("gateway/src/serve.rs", "tokio::spawn(x);"), []);
    }

    #[test]
    fn tests_may_do_what_code_may_not() {
        assert_eq!(
            findings(
                "core/src/queue.rs",
                "#[cfg(test)]\nmod tests { use tokio::time; }"
            ),
            []
        );
    }

    #[test]
    fn a_root_without_its_promise_is_found() {
        let found = check(&[Source::new(
            "core/src/lib.rs",
            "// #![forbid(unsafe_code)]\n",
        )]);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
