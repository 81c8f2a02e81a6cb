//! What makes a kept answer void: a word about its question's name, its model or a tag, perhaps of one tenant alone. As text it is
//! the same in every process.

use serde::Deserialize;

use super::entry::Entry;
use crate::error::{Error, ErrorKind, Result};

/// What is to go, and of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    what: What,
    /// Only that one's; `None` is everybody's.
    tenant: Option<String>,
}

/// What is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// Answers to questions of this name.
    Key(String),
    /// Answers that were asked of this model or alias, or that this target gave.
    Model(String),
    /// Answers that carry this tag.
    Tag(String),
    /// All.
    All,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    key: Option<String>,
    model: Option<String>,
    tag: Option<String>,
    #[serde(default)]
    all: bool,
}

impl Mark {
    /// Everything.
    pub(super) const ALL: Mark = Mark {
        what: What::All,
        tenant: None,
    };

    /// What a request of this operation says.
    pub(super) fn asked(request: &[u8], tenant: Option<&str>) -> Result<Mark> {
        let bad = |why: String| {
            let message = format!("cache.invalidate: {why}");
            Error::new(ErrorKind::InvalidArgument, message)
        };
        let said: Said = serde_json::from_slice(request).map_err(|error| bad(error.to_string()))?;
        let all = said.all.then_some(What::All);
        let named = [
            said.key.map(What::Key),
            said.model.map(What::Model),
            said.tag.map(What::Tag),
            all,
        ];
        let mut named = named.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(what), None) => Ok(Mark {
                what,
                tenant: tenant.map(str::to_owned),
            }),
            _ => Err(bad(EXPECTED.to_owned())),
        }
    }

    /// Whether an answer bears it.
    pub(super) fn is_of(&self, entry: &Entry) -> bool {
        let tenant = self.tenant.as_deref();
        let meant = match &self.what {
            What::Key(key) => entry.name.as_ref() == Some(key),
            What::Model(model) => *entry.asked == **model || entry.facts.target.text() == model,
            What::Tag(tag) => entry.tags.contains(tag),
            What::All => true,
        };
        meant && (tenant.is_none() || entry.tenant.as_deref() == tenant)
    }

    /// All that an answer bears, as texts.
    pub(super) fn texts_of(entry: &Entry) -> Vec<String> {
        let target = entry.facts.target.text();
        let models = [&*entry.asked, target];
        let models = &models[..if models[0] == target { 1 } else { 2 }];
        let whats = entry.name.iter().cloned().map(What::Key);
        let whats = whats.chain(models.iter().map(|model| What::Model((*model).to_owned())));
        let whats = whats.chain(entry.tags.iter().cloned().map(What::Tag));
        let tenants = [None, entry.tenant.as_deref().map(str::to_owned)];
        let tenants = &tenants[..1 + usize::from(entry.tenant.is_some())];
        let marks = whats.chain([What::All]).flat_map(|what| {
            let tenants = tenants.iter().cloned();
            tenants.map(move |tenant| {
                let what = what.clone();
                Mark { what, tenant }.text()
            })
        });
        marks.collect()
    }

    /// As text: a list of what kind it is, the name and the tenant.
    pub(super) fn text(&self) -> String {
        let (kind, name) = match &self.what {
            What::Key(name) => ("key", Some(name)),
            What::Model(name) => ("model", Some(name)),
            What::Tag(name) => ("tag", Some(name)),
            What::All => ("all", None),
        };
        serde_json::json!([kind, name, self.tenant]).to_string()
    }

    /// What [`Mark::text`] wrote, by this version or another.
    pub(super) fn parse(text: &str) -> Option<Mark> {
        let (kind, name, tenant): (String, Option<String>, Option<String>) =
            serde_json::from_str(text).ok()?;
        let what = match (kind.as_str(), name) {
            ("key", Some(name)) => What::Key(name),
            ("model", Some(name)) => What::Model(name),
            ("tag", Some(name)) => What::Tag(name),
            ("all", None) => What::All,
            _ => return None,
        };
        Some(Mark { what, tenant })
    }
}

const EXPECTED: &str =
    "expected one of \"key\", \"model\", \"tag\" with a string, or \"all\": true";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cached::probe::answer;

    #[test]
    fn one_thing_is_meant() {
        let parse = |json: &str| Mark::asked(json.as_bytes(), None).map(|mark| mark.what);
        assert_eq!(parse(r#"{"key":"k"}"#).unwrap(), What::Key("k".into()));
        assert_eq!(parse(r#"{"model":"m"}"#).unwrap(), What::Model("m".into()));
        assert_eq!(parse(r#"{"tag":"t"}"#).unwrap(), What::Tag("t".into()));
        assert_eq!(parse(r#"{"all":true}"#).unwrap(), What::All);
        for wrong in [
            "{}",
            r#"{"all":false}"#,
            r#"{"key":"k","tag":"t"}"#,
            r#"{"keys":"k"}"#,
            "[]",
            "",
        ] {
            let error = parse(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong}");
            assert!(error.message().starts_with("cache.invalidate: "), "{error}");
        }
    }

    #[test]
    fn the_texts_of_an_answer_are_the_marks_that_it_bears() {
        let mut entry = answer();
        entry.asked = "fast".into();
        entry.tenant = Some("t\n\"".into());
        entry.tags = vec!["one".into(), "two".into()];
        entry.name = Some("k".into());
        let texts = Mark::texts_of(&entry);
        // A name, two models, two tags and all, each of everybody and of the tenant.
        assert_eq!(texts.len(), 12);
        for text in &texts {
            let mark = Mark::parse(text).unwrap();
            assert!(mark.is_of(&entry) && mark.text() == *text, "{text}");
            assert!(!text.contains('\n'));
        }
        for json in [
            r#"{"key":"other"}"#,
            r#"{"model":"house"}"#,
            r#"{"tag":"on"}"#,
        ] {
            let mark = Mark::asked(json.as_bytes(), None).unwrap();
            assert!(
                !mark.is_of(&entry) && !texts.contains(&mark.text()),
                "{json}"
            );
        }
        let others = Mark::asked(br#"{"all":true}"#, Some("other")).unwrap();
        assert!(!others.is_of(&entry) && !texts.contains(&others.text()));
        assert!(texts.contains(&Mark::ALL.text()));
        assert_eq!(Mark::parse(r#"["planet","x",null]"#), None);
    }
}
