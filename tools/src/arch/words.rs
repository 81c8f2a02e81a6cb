//! Words that no file of the project holds: places of one machine, vendor cases in code, tests that do not run.

use super::Finding;

pub(crate) fn check(place: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for rule in RULES {
            let word = rule.parts.concat();
            if (rule.applies)(place) && line.contains(&word) {
                findings.push(Finding::new(
                    place,
                    number + 1,
                    format!("`{word}`: {}", rule.why),
                ));
            }
        }
    }
    findings
}

struct Rule {
    /// The word in pieces, so that this file does not hold it.
    parts: &'static [&'static str],
    applies: fn(&str) -> bool,
    why: &'static str,
}

fn everywhere(_: &str) -> bool {
    true
}

fn rust(place: &str) -> bool {
    place.ends_with(".rs")
}

const MACHINE: &str = "a path of one machine means nothing on another";
const IDLE: &str = "a test that does not run is no test";

const RULES: &[Rule] = &[
    Rule {
        parts: &["/wo", "rk/"],
        applies: everywhere,
        why: MACHINE,
    },
    Rule {
        parts: &["/ro", "ot/"],
        applies: everywhere,
        why: MACHINE,
    },
    Rule {
        parts: &["/ho", "me/"],
        applies: everywhere,
        why: MACHINE,
    },
    Rule {
        parts: &["#[ign", "ore"],
        applies: rust,
        why: IDLE,
    },
    Rule {
        parts: &["#[should_", "panic"],
        applies: rust,
        why: "assert on what is returned",
    },
    Rule {
        parts: &["provider ", "== \""],
        applies: rust,
        why: "a vendor's difference is a field of its row",
    },
    Rule {
        parts: &["provider.id ", "== \""],
        applies: rust,
        why: "a vendor's difference is a field of its row",
    },
    Rule {
        parts: &["TO", "DO"],
        applies: rust,
        why: "open an issue, or do it",
    },
    Rule {
        parts: &["FIX", "ME"],
        applies: rust,
        why: "open an issue, or do it",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_fires_on_its_word_and_only_where_it_applies() {
        for rule in RULES {
            let line = format!("x {} y", rule.parts.concat());
            assert_eq!(check("core/src/a.rs", &line).len(), 1, "{line}");
            assert_eq!(
                check("README.md", &line).len(),
                usize::from((rule.applies)("README.md")),
                "{line}"
            );
        }
        assert_eq!(check("core/src/a.rs", "an ordinary line"), []);
    }
}
