//! One model, and the line of text that says it: columns that tabs part.

use std::fmt::Write as _;

use super::price::Price;

/// What is known of one model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model<'a> {
    /// The provider's row that it was found under.
    pub provider: &'a str,
    /// Its name there.
    pub name: &'a str,
    /// What it does: `chat`, `responses`, `completion`, `embedding`, `rerank`, `image_generation`, .. as the source has it; empty is unknown.
    pub mode: &'a str,
    /// The most tokens that a prompt may have.
    pub context: Option<u64>,
    /// The most tokens that an answer may have.
    pub output_max: Option<u64>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// When its provider ends it, as YYYY-MM-DD; empty is unknown.
    pub deprecated: &'a str,
    /// What it costs.
    pub price: Price,
}

impl<'a> Model<'a> {
    pub(super) fn read(line: &'a str) -> Option<Model<'a>> {
        let mut columns = line.split('\t');
        let mut next = || columns.next();
        let model = Model {
            provider: next()?,
            name: next()?,
            mode: next()?,
            context: count(next()?)?,
            output_max: count(next()?)?,
            capabilities: Capabilities::read(next()?)?,
            deprecated: next()?,
            price: Price::read(next()?)?,
        };
        next().is_none().then_some(model)
    }

    /// Appends its line, without the end.
    pub(super) fn write(&self, out: &mut String) {
        let number = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
        let (context, output_max) = (number(self.context), number(self.output_max));
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "{}\t{}\t{}\t{context}\t{output_max}\t",
            self.provider, self.name, self.mode
        );
        let names: Vec<&str> = self.capabilities.names().collect();
        out.push_str(&names.join(","));
        out.push('\t');
        out.push_str(self.deprecated);
        out.push('\t');
        self.price.write(out);
    }

    /// The same, with what it does not say taken from `base`. Prices are one word: they are said all or not at all.
    pub(super) fn over(self, base: Model<'a>) -> Model<'a> {
        Model {
            mode: said(self.mode, base.mode),
            context: self.context.or(base.context),
            output_max: self.output_max.or(base.output_max),
            capabilities: if self.capabilities == Capabilities::default() {
                base.capabilities
            } else {
                self.capabilities
            },
            deprecated: said(self.deprecated, base.deprecated),
            price: if self.price.is_empty() {
                base.price
            } else {
                self.price
            },
            ..self
        }
    }
}

fn said<'a>(word: &'a str, else_word: &'a str) -> &'a str {
    if word.is_empty() { else_word } else { word }
}

// An empty column is unknown, one that is no number is no line.
fn count(column: &str) -> Option<Option<u64>> {
    match column {
        "" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

/// What a model can do. What is not there is unknown, or is known not to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(u16);

/// Names, in the order of their bits.
const NAMES: [&str; 14] = [
    "tools",
    "parallel_tools",
    "tool_choice",
    "json_schema",
    "vision",
    "pdf",
    "audio_in",
    "audio_out",
    "video",
    "reasoning",
    "prompt_caching",
    "prefill",
    "system",
    "web_search",
];

impl Capabilities {
    /// Whether it can do what `name` says: `tools`, `vision`, `json_schema`, `reasoning`, ..
    pub fn has(self, name: &str) -> bool {
        let bit = NAMES.iter().position(|known| *known == name);
        bit.is_some_and(|bit| self.0 & 1 << bit != 0)
    }

    /// Names of what it can do.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let has = move |(bit, name)| (self.0 & 1u16 << bit != 0).then_some(name);
        NAMES.into_iter().enumerate().filter_map(has)
    }

    /// The same and what `name` says, if there is such a name.
    pub(super) fn and(self, name: &str) -> Option<Capabilities> {
        let bit = NAMES.iter().position(|known| *known == name)?;
        Some(Capabilities(self.0 | 1 << bit))
    }

    fn read(column: &str) -> Option<Capabilities> {
        let mut names = column.split(',').filter(|name| !name.is_empty());
        names.try_fold(Capabilities::default(), Capabilities::and)
    }
}
