//! Names that mean the same model: providers that are one service, dates, regions, tunings, and services that pass on.

use std::borrow::Cow;

/// Where to look for what `provider` calls `model`, best first: the name itself, then what it may mean.
pub(super) fn names<'a>(
    provider: &'a str,
    model: &'a str,
) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
    let shelf = shelf(provider);
    let (elsewhere, base) = match shelf {
        "openrouter" => passed_on(model),
        _ => (shelf, meant(shelf, model)),
    };
    let own = [(shelf, Cow::Borrowed(model))];
    // What is left of a name without its date is looked for last: dated ones may cost less than their successors.
    let undated = undated(&base).map(|name| (elsewhere, Cow::Owned(name.to_owned())));
    let base = (elsewhere != shelf || base != model).then_some((elsewhere, base));
    own.into_iter().chain(base).chain(undated)
}

/// A name without the date at its end, if it has one: `-2024-08-06`, `-20241022`, `@20241022`.
pub(super) fn undated(name: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let cut = |length: usize| name.len().checked_sub(length).filter(|cut| *cut > 0);
    let split = |length| name.split_at_checked(cut(length)?);
    if let Some((head, date)) = split("-20241022".len())
        && date.starts_with(['-', '@'])
        && date[1..].starts_with("20")
        && digits(&date[1..])
    {
        return Some(head);
    }
    let (head, date) = split("-2024-08-06".len())?;
    let parts: Vec<&str> = date.split('-').collect();
    let dated = matches!(parts[..], ["", year, month, day]
        if year.len() == 4 && month.len() == 2 && day.len() == 2 && digits(year) && digits(month) && digits(day));
    dated.then_some(head)
}

/// Rows of one service share its models.
fn shelf(provider: &str) -> &str {
    match provider {
        "azure_deployments" => "azure",
        "bedrock_invoke" => "bedrock",
        "cohere_openai" => "cohere",
        "gemini_openai" => "gemini",
        "ollama_native" => "ollama",
        "vertex_anthropic" => "vertex",
        other => other,
    }
}

/// What a name means besides itself.
fn meant<'a>(shelf: &str, model: &'a str) -> Cow<'a, str> {
    match shelf {
        "bedrock" => Cow::Borrowed(without_place(model)),
        // Google's own lists say `models/NAME`.
        "gemini" => Cow::Borrowed(model.strip_prefix("models/").unwrap_or(model)),
        "fireworks" if !model.contains('/') => {
            Cow::Owned(format!("accounts/fireworks/models/{model}"))
        }
        // OpenAI, "Fine-tuning": `ft:BASE:ORGANIZATION:SUFFIX:ID` costs what `ft:BASE` does.
        "openai" | "azure" => {
            let base = model
                .strip_prefix("ft:")
                .and_then(|rest| rest.split_once(':'));
            match base {
                Some((base, _)) => Cow::Borrowed(&model[.."ft:".len() + base.len()]),
                None => Cow::Borrowed(model),
            }
        }
        _ => Cow::Borrowed(model),
    }
}

/// Bedrock names a model by its ARN, too, and routes by a prefix for a part of the world (AWS, "Inference profiles").
fn without_place(model: &str) -> &str {
    let name = match model.starts_with("arn:") {
        true => model.rsplit('/').next().unwrap_or(model),
        false => model,
    };
    match name.split_once('.') {
        Some((place, rest)) if PLACES.contains(&place) && rest.contains('.') => rest,
        _ => name,
    }
}

const PLACES: [&str; 9] = [
    "us", "eu", "apac", "global", "jp", "au", "ca", "in", "us-gov",
];

/// Services that pass on at the makers' prices name the maker first: `anthropic/claude-sonnet-4.5`.
fn passed_on(model: &str) -> (&str, Cow<'_, str>) {
    let Some((maker, name)) = model.split_once('/') else {
        return ("openrouter", Cow::Borrowed(model));
    };
    match maker {
        // Variants such as `:free` cost something else.
        _ if name.contains(':') => ("openrouter", Cow::Borrowed(model)),
        "anthropic" => ("anthropic", Cow::Owned(name.replace('.', "-"))),
        "openai" | "cohere" | "deepseek" | "perplexity" | "ai21" | "inception" => {
            (maker, Cow::Borrowed(name))
        }
        "google" => ("gemini", Cow::Borrowed(name)),
        "mistralai" => ("mistral", Cow::Borrowed(name)),
        "moonshotai" => ("moonshot", Cow::Borrowed(name)),
        "x-ai" => ("xai", Cow::Borrowed(name)),
        "z-ai" => ("zai", Cow::Borrowed(name)),
        _ => ("openrouter", Cow::Borrowed(model)),
    }
}
