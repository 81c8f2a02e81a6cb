//! Which requests a rule is for: the first whose words all fit.

/// What a request must be like. Where nothing is said, anything fits; of several words one must.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When {
    /// On whose behalf it is made.
    pub tenant: Vec<String>,
    /// A tag that it has.
    pub tag: Vec<String>,
    /// Words of its metadata, each by its name.
    pub metadata: Vec<(String, Vec<String>)>,
    /// What is asked.
    pub operation: Vec<String>,
    /// The model that it names.
    pub model: Vec<String>,
    /// Where it comes from.
    pub region: Vec<String>,
}

/// A request in the words that rules look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'r> {
    pub(crate) tenant: Option<&'r str>,
    pub(crate) tags: &'r [String],
    pub(crate) metadata: &'r [(String, String)],
    pub(crate) operation: &'r str,
    pub(crate) model: &'r str,
    /// Of this process; the request's own `metadata.region` goes before it.
    pub(crate) region: Option<&'r str>,
}

impl Facts<'_> {
    fn word(&self, name: &str) -> Option<&str> {
        let mut all = self.metadata.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, word)| word.as_str())
    }
}

impl When {
    /// Whether it is for this request.
    pub(crate) fn fits(&self, facts: &Facts<'_>) -> bool {
        let region = facts.word("region").or(facts.region);
        any(&self.tenant, facts.tenant)
            && (self.tag.is_empty() || facts.tags.iter().any(|tag| any(&self.tag, Some(tag))))
            && any(&self.operation, Some(facts.operation))
            && any(&self.model, Some(facts.model))
            && any(&self.region, region)
            && self
                .metadata
                .iter()
                .all(|(name, words)| any(words, facts.word(name)))
    }
}

/// One of these is the word, or ends in `*` and begins it; none are said, and any is.
fn any(patterns: &[String], word: Option<&str>) -> bool {
    let fits = |pattern: &String| match (pattern.strip_suffix('*'), word) {
        (_, None) => false,
        (Some(start), Some(word)) => word.starts_with(start),
        (None, Some(word)) => pattern == word,
    };
    patterns.is_empty() || patterns.iter().any(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn every_word_must_fit_and_one_of_several() {
        let (tags, metadata) = (words(&["batch", "night"]), [("team".into(), "blue".into())]);
        let facts = Facts {
            tenant: Some("free"),
            tags: &tags,
            metadata: &metadata,
            operation: "chat",
            model: "house/big",
            region: Some("eu-west"),
        };
        let of = |text: &str| {
            let mut when = When::default();
            for pair in text.split_whitespace() {
                let (key, value) = pair.split_once('=').unwrap();
                let value: Vec<String> = value.split(',').map(str::to_owned).collect();
                match key {
                    "tenant" => when.tenant = value,
                    "tag" => when.tag = value,
                    "operation" => when.operation = value,
                    "model" => when.model = value,
                    "region" => when.region = value,
                    name => when.metadata.push((name.to_owned(), value)),
                }
            }
            when
        };
        for (text, fits) in [
            ("", true),
            ("tenant=free", true),
            ("tenant=paid,free tag=night", true),
            ("tenant=free tag=day", false),
            ("team=blue model=house/*", true),
            ("team=red", false),
            ("colour=blue", false),
            ("model=house", false),
            ("region=eu-* operation=chat", true),
            ("region=us-*", false),
            ("tenant=*", true),
        ] {
            assert_eq!(of(text).fits(&facts), fits, "{text}");
        }
        let here = [("region".to_owned(), "us-east".to_owned())];
        let moved = Facts {
            metadata: &here,
            tenant: None,
            ..facts
        };
        assert!(of("region=us-*").fits(&moved) && !of("tenant=*").fits(&moved));
    }
}
