//! What is known of models that nobody was asked about: context windows, capabilities, prices. Built in as one sorted text,
//! packed; unpacked and indexed when the first model is looked up. Costs are made from it elsewhere.
//!
//! ```
//! use libllm_proto::catalog::{self, Service, Unit};
//!
//! let model = catalog::find("openai", "gpt-4o").expect("a model that everybody knows");
//! assert_eq!(model.context, Some(128_000));
//! // 2.50 US dollars a million tokens.
//! assert_eq!(model.price.rate(Service::Standard, 1_000, Unit::Input), Some(2_500_000));
//! ```

mod alias;
mod line;
mod price;
mod source;

use std::io::Read;
use std::sync::OnceLock;

use flate2::read::DeflateDecoder;

use crate::error::{Error, ErrorKind, Result};

pub use line::{Capabilities, Model};
pub use price::{Price, Rates, Service, Tier, Unit};

/// Models in the order of provider and name, found by bisection. Its text is read line by line, as lines are asked for.
#[derive(Debug, Default)]
pub struct Table {
    text: String,
    /// Where each line begins.
    lines: Vec<u32>,
}

impl Table {
    /// The one that is built in.
    pub fn built_in() -> &'static Table {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let mut text = String::new();
            // The build script packed it, and a test unpacks it: there is nothing to tell anybody.
            let _ = DeflateDecoder::new(PACKED).read_to_string(&mut text);
            Table::of(text)
        })
    }

    /// Reads a price file as the `litellm` package has it, or a part of one.
    pub fn from_source(json: &[u8]) -> Result<Table> {
        source::lines(json).map(Table::of)
    }

    /// Reads lines as [`Table::text`] has them. They need not be in order.
    pub fn from_text(text: &str) -> Result<Table> {
        let mut lines: Vec<&str> = text.lines().filter(|line| counts(line)).collect();
        if let Some(wrong) = lines.iter().find(|line| Model::read(line).is_none()) {
            let head: String = wrong.chars().take(80).collect();
            let message = format!("no line of a catalog: {head}");
            return Err(Error::new(ErrorKind::InvalidRequest, message));
        }
        lines.sort_unstable_by_key(|line| place(line));
        Ok(Table::of(lines.join("\n")))
    }

    /// Every line, in order.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every model, in order.
    pub fn models(&self) -> impl Iterator<Item = Model<'_>> {
        (0..self.lines.len()).filter_map(|index| Model::read(self.line(index)))
    }

    /// How many models there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no model at all.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The model of exactly this name.
    fn exact(&self, provider: &str, name: &str) -> Option<Model<'_>> {
        let index = self.first_not_below(provider, name);
        let line = (index < self.lines.len()).then(|| self.line(index))?;
        (place(line) == (provider, name)).then(|| Model::read(line))?
    }

    /// The newest of the models whose name is `name` and a date.
    fn dated(&self, provider: &str, name: &str) -> Option<Model<'_>> {
        let first = self.first_not_below(provider, name);
        (first..self.lines.len())
            .map(|index| self.line(index))
            .take_while(|line| {
                let (shelf, other) = place(line);
                shelf == provider && other.starts_with(name)
            })
            .filter(|line| alias::undated(place(line).1) == Some(name))
            .last()
            .and_then(Model::read)
    }

    fn first_not_below(&self, provider: &str, name: &str) -> usize {
        self.lines.partition_point(|&start| {
            let line = &self.text[start as usize..];
            place(line) < (provider, name)
        })
    }

    fn of(text: String) -> Table {
        let mut lines = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            if counts(line) {
                lines.push(start as u32);
            }
            start += line.len();
        }
        Table { text, lines }
    }

    fn line(&self, index: usize) -> &str {
        let line = &self.text[self.lines[index] as usize..];
        line.split('\n').next().unwrap_or_default()
    }
}

/// The built-in model that a provider's row means by `model`, or nothing if it is not known.
pub fn find(provider: &str, model: &str) -> Option<Model<'static>> {
    find_in(&[], provider, model)
}

/// As [`find`], with tables that are laid over the built-in one. What an earlier one says goes before what a later one says.
pub fn find_in<'a>(over: &[&'a Table], provider: &str, model: &str) -> Option<Model<'a>> {
    let tables = || over.iter().copied().chain([Table::built_in()]);
    for (shelf, name) in alias::names(provider, model) {
        let mut found = tables().filter_map(|table| table.exact(shelf, &name));
        if let Some(first) = found.next() {
            return Some(found.fold(first, Model::over));
        }
    }
    let (shelf, name) = alias::names(provider, model).next()?;
    tables().find_map(|table| table.dated(shelf, &name))
}

/// Provider and name of a line, which lines are sorted by.
fn place(line: &str) -> (&str, &str) {
    let mut columns = line.splitn(3, '\t');
    (
        columns.next().unwrap_or_default(),
        columns.next().unwrap_or_default(),
    )
}

fn counts(line: &str) -> bool {
    !line.starts_with('#') && !line.trim_end().is_empty()
}

/// `data/models.tsv`, deflated by the build script.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/models.deflate"));

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
