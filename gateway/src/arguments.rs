//! The command line, word by word.

use std::collections::VecDeque;
use std::fmt;

use libllm_proto::provider::closest;

/// How a command was called wrongly.
#[derive(Debug, PartialEq)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Words not read yet.
#[derive(Debug)]
pub(crate) struct Arguments {
    words: VecDeque<Result<String, Usage>>,
}

impl Arguments {
    /// This process's, without its own name.
    pub(crate) fn of_process() -> Arguments {
        let words = std::env::args_os().skip(1).map(|word| {
            word.into_string()
                .map_err(|word| Usage(format!("argument {word:?} is not UTF-8")))
        });
        Arguments {
            words: words.collect(),
        }
    }

    #[cfg(test)]
    pub(crate) fn of(words: &[&str]) -> Arguments {
        Arguments {
            words: words.iter().map(|word| Ok((*word).to_owned())).collect(),
        }
    }

    /// The next word.
    pub(crate) fn word(&mut self) -> Result<Option<String>, Usage> {
        self.words.pop_front().transpose()
    }

    /// The next option; `--name=value` counts as `--name value`.
    pub(crate) fn option(&mut self, known: &[&'static str]) -> Result<Option<&'static str>, Usage> {
        let Some(word) = self.word()? else {
            return Ok(None);
        };
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        let Some(option) = known.iter().find(|option| **option == name) else {
            let near = closest(name, known.iter().copied(), 1).join("");
            return Err(Usage(format!("unknown option `{name}`; closest: {near}")));
        };
        if let Some(value) = value {
            self.words.push_front(Ok(value.to_owned()));
        }
        Ok(Some(option))
    }

    /// The value of `option`.
    pub(crate) fn value(&mut self, option: &str, what: &str) -> Result<String, Usage> {
        self.word()?
            .ok_or_else(|| Usage(format!("{option}: expected {what}")))
    }
}
