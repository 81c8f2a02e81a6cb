//! `libllm models`: the models this build knows, as a table for people, or as JSON.

use libllm_proto::catalog::{Model, Rates, Service, Table, Tier, Unit};
use serde_json::{Map, Value, json};

use crate::arguments::{Arguments, Usage};

pub(crate) const HELP: &str = "\
usage: libllm models [PROVIDER] [--json]

Lists the built-in catalog, or one provider's part of it: name, what it does, the most tokens of a prompt and of an answer, US
dollars a million tokens of both, and what it can do. See docs/catalog.md.

  --json  an array of objects; prices in millionths of a US dollar, a million tokens (or whatever the unit is)
";

/// What to list, and how.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    provider: Option<String>,
    json: bool,
}

impl Options {
    /// Reads the command's words; `None` asks for help.
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Option<Options>, Usage> {
        let mut options = Options::default();
        while let Some(word) = arguments.word()? {
            match word.as_str() {
                "--json" => options.json = true,
                "--help" | "-h" => return Ok(None),
                option if option.starts_with('-') => {
                    let message = format!("unknown option `{option}`; closest: --json");
                    return Err(Usage(message));
                }
                _ if options.provider.is_some() => {
                    return Err(Usage("expected one provider".to_owned()));
                }
                _ => options.provider = Some(word),
            }
        }
        Ok(Some(options))
    }
}

/// The listing; an error if a provider is named that has no model in the catalog.
pub(crate) fn listing(options: &Options) -> Result<String, String> {
    let wanted = options.provider.as_deref();
    let chosen = |model: &Model<'_>| wanted.is_none_or(|wanted| model.provider == wanted);
    let models: Vec<Model<'_>> = Table::built_in().models().filter(chosen).collect();
    match wanted {
        Some(wanted) if models.is_empty() => {
            Err(format!("no model of `{wanted}` is in the catalog"))
        }
        _ if options.json => {
            let objects: Vec<String> = models
                .iter()
                .map(|model| object(model).to_string())
                .collect();
            Ok(format!("[\n{}\n]\n", objects.join(",\n")))
        }
        _ => Ok(table(&models)),
    }
}

fn table(models: &[Model<'_>]) -> String {
    let head = ["MODEL", "MODE", "PROMPT", "ANSWER", "$ IN", "$ OUT", "CAN"].map(String::from);
    let lines: Vec<[String; 7]> = std::iter::once(head)
        .chain(models.iter().map(cells))
        .collect();
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max();
    let widths: Vec<usize> = (0..7)
        .map(|column| width(column).unwrap_or_default())
        .collect();
    let mut out = String::new();
    for line in &lines {
        let padded = line.iter().zip(&widths).enumerate();
        let padded: Vec<String> = padded
            .map(|(column, (cell, width))| match column {
                2..=5 => format!("{cell:>width$}"),
                _ => format!("{cell:width$}"),
            })
            .collect();
        out.push_str(padded.join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn cells(model: &Model<'_>) -> [String; 7] {
    let count = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
    let dollars = |unit| {
        let rate = model.price.rate(Service::Standard, 0, unit);
        rate.map_or("-".to_owned(), |rate| format!("{}", rate as f64 / 1e6))
    };
    let can: Vec<&str> = model.capabilities.names().collect();
    [
        format!("{}/{}", model.provider, model.name),
        model.mode.to_owned(),
        count(model.context),
        count(model.output_max),
        dollars(Unit::Input),
        dollars(Unit::Output),
        can.join(","),
    ]
}

fn object(model: &Model<'_>) -> Value {
    let word = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    json!({
        "provider": model.provider,
        "model": model.name,
        "mode": word(model.mode),
        "context": model.context,
        "output_max": model.output_max,
        "capabilities": model.capabilities.names().collect::<Vec<_>>(),
        "deprecated": word(model.deprecated),
        "prices": model.price.tiers().iter().map(tier).collect::<Vec<_>>(),
    })
}

fn tier(tier: &Tier) -> Value {
    let mut object = rates(&tier.rates);
    object.insert("service".to_owned(), tier.service.name().into());
    object.insert("above_tokens".to_owned(), tier.above.into());
    object.into()
}

fn rates(rates: &Rates) -> Map<String, Value> {
    let known = Unit::ALL
        .into_iter()
        .filter_map(|unit| Some((unit.name().to_owned(), rates.get(unit)?.into())));
    known.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Option<Options>, Usage> {
        Options::parse(Arguments::of(words))
    }

    #[test]
    fn every_model_is_a_line_or_an_object() {
        let all = Options::default();
        let known = Table::built_in().len();
        assert_eq!(listing(&all).unwrap().lines().count(), known + 1);
        let json = listing(&Options { json: true, ..all }).unwrap();
        let json: Vec<Value> = serde_json::from_str(&json).unwrap();
        assert_eq!(json.len(), known);
    }

    #[test]
    fn one_providers_models_with_their_prices() {
        let options = parsed(&["anthropic", "--json"]).unwrap().unwrap();
        let json: Vec<Value> = serde_json::from_str(&listing(&options).unwrap()).unwrap();
        assert!(json.iter().all(|model| model["provider"] == "anthropic"));
        let claude = json
            .iter()
            .find(|model| model["model"] == "claude-sonnet-4-5");
        let claude = claude.unwrap();
        assert_eq!(
            (&claude["mode"], &claude["context"]),
            (&"chat".into(), &200_000.into())
        );
        // In the order of services and lengths; 3.00 dollars a million tokens.
        let standard = &claude["prices"][0];
        assert_eq!(
            (&standard["service"], &standard["in"]),
            (&"standard".into(), &3_000_000.into())
        );
        let text = listing(&parsed(&["openai"]).unwrap().unwrap()).unwrap();
        let line = text.lines().find(|line| line.starts_with("openai/gpt-4o "));
        let words: Vec<&str> = line.unwrap().split_whitespace().collect();
        assert_eq!(
            words[..6],
            ["openai/gpt-4o", "chat", "128000", "16384", "2.5", "10"]
        );
    }

    #[test]
    fn words_that_make_no_sense_are_refused() {
        assert_eq!(parsed(&["--help"]), Ok(None));
        assert!(parsed(&["--yaml"]).is_err());
        assert!(parsed(&["openai", "anthropic"]).is_err());
        let nobody = parsed(&["nobody"]).unwrap().unwrap();
        assert!(listing(&nobody).unwrap_err().contains("nobody"));
    }
}
