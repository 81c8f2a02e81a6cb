//! The price file of the `litellm` package (MIT, notice in `data/LICENSE.litellm`), or a part of it, as lines of the catalog.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::line::{Capabilities, Model};
use super::price::{Price, Service, Unit};
use crate::error::{Error, ErrorKind, Result};

type Entry = Map<String, Value>;

/// Every entry that names a model, sorted, a line each.
pub(super) fn lines(json: &[u8]) -> Result<String> {
    let wrong = |why: String| Error::new(ErrorKind::InvalidRequest, why);
    let file: Map<String, Value> = serde_json::from_slice(json)
        .map_err(|error| wrong(format!("catalog is no JSON object: {error}")))?;
    // By place; where two keys mean one model, the one with the better rank.
    let mut found: BTreeMap<(String, String), (u8, String)> = BTreeMap::new();
    for (key, entry) in &file {
        let Some(entry) = entry.as_object() else {
            return Err(wrong(format!("catalog: {key} is no object")));
        };
        let Some((rank, shelf, name)) = place(key, entry) else {
            continue;
        };
        let mut line = String::new();
        model(&shelf, name, entry).write(&mut line);
        let place = (shelf, name.to_owned());
        match found.get(&place) {
            Some((better, _)) if *better <= rank => {}
            _ => {
                found.insert(place, (rank, line));
            }
        }
    }
    let lines: Vec<String> = found.into_values().map(|(_, line)| line).collect();
    Ok(lines.join("\n"))
}

/// The provider's row and the name there of what `key` means, and how much that key is preferred (less is more).
fn place<'a>(key: &'a str, entry: &'a Entry) -> Option<(u8, String, &'a str)> {
    let provider = match entry.get("litellm_provider") {
        Some(provider) => provider.as_str()?,
        // A part that somebody wrote by hand: the key says whose model it is.
        None => key.split_once('/')?.0,
    };
    if key == "sample_spec" {
        return None;
    }
    let (rank, shelf, prefix) = shelf(provider);
    let stripped = key
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('/'));
    let (rank, name) = match stripped {
        Some(name) => (rank, name),
        None => (rank + 1, key),
    };
    // Sizes and qualities of images, and reserved capacity, are no models that can be asked.
    let head = name.split('/').next().unwrap_or_default();
    let sized = head.contains("-x-") || ["low", "medium", "high", "standard", "hd"].contains(&head);
    let odd = name.is_empty() || name.contains(['\t', '\n', '\r']);
    if odd || name.contains('/') && (sized || name.contains("-commitment/")) {
        return None;
    }
    Some((rank, shelf.to_owned(), name))
}

/// Rank, row and key prefix of what the source calls a provider.
fn shelf(provider: &str) -> (u8, &str, &str) {
    match provider {
        "aiml" => (0, "aimlapi", "aiml"),
        "amazon_nova" => (0, "amazon_nova", "amazon-nova"),
        "azure" | "azure_text" => (0, "azure", "azure"),
        "azure_ai" => (2, "azure", "azure_ai"),
        "bedrock_converse" => (0, "bedrock", "bedrock"),
        "bedrock" => (2, "bedrock", "bedrock"),
        "bedrock_mantle" => (4, "bedrock", "bedrock_mantle"),
        "bigmodel" => (0, "zhipu", "bigmodel"),
        "cohere" | "cohere_chat" => (0, "cohere", "cohere"),
        "featherless_ai" => (0, "featherless", "featherless_ai"),
        "fireworks_ai" | "fireworks_ai-embedding-models" => (0, "fireworks", "fireworks_ai"),
        "friendliai" => (0, "friendli", "friendliai"),
        "gradient_ai" => (0, "digitalocean", "gradient_ai"),
        "jina_ai" => (0, "jina", "jina_ai"),
        "meta_llama" => (0, "llama_api", "meta_llama"),
        "nvidia_nim" => (0, "nvidia", "nvidia_nim"),
        "tencent" => (0, "hunyuan", "tencent"),
        "text-completion-codestral" => (2, "codestral", "text-completion-codestral"),
        "text-completion-inception" => (2, "inception", "text-completion-inception"),
        "text-completion-openai" => (0, "openai", "text-completion-openai"),
        "together_ai" => (0, "together", "together_ai"),
        "vercel_ai_gateway" => (0, "vercel", "vercel_ai_gateway"),
        vertex if vertex.starts_with("vertex_ai") => (0, "vertex", "vertex_ai"),
        other => (0, other, other),
    }
}

fn model<'a>(shelf: &'a str, name: &'a str, entry: &'a Entry) -> Model<'a> {
    let text = |key| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let count = |key| entry.get(key).and_then(number).filter(|count| *count > 0);
    // A few say the older `max_tokens` alone, which is what an answer may have.
    let output_max = count("max_output_tokens").or_else(|| count("max_tokens"));
    Model {
        provider: shelf,
        name,
        mode: word(text("mode")),
        context: count("max_input_tokens"),
        output_max,
        capabilities: capabilities(entry),
        deprecated: word(text("deprecation_date")),
        price: price(entry),
    }
}

// What would break a line is left out.
fn word(text: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if text.bytes().all(plain) { text } else { "" }
}

fn number(value: &Value) -> Option<u64> {
    let whole = value.as_u64();
    whole.or_else(|| {
        value
            .as_f64()
            .filter(|real| *real >= 0.0)
            .map(|real| real as u64)
    })
}

/// The source's word, and ours.
const CAPABILITIES: [(&str, &str); 16] = [
    ("supports_function_calling", "tools"),
    ("supports_parallel_function_calling", "parallel_tools"),
    ("supports_tool_choice", "tool_choice"),
    ("supports_response_schema", "json_schema"),
    ("supports_native_structured_output", "json_schema"),
    ("supports_vision", "vision"),
    ("supports_image_input", "vision"),
    ("supports_pdf_input", "pdf"),
    ("supports_audio_input", "audio_in"),
    ("supports_audio_output", "audio_out"),
    ("supports_video_input", "video"),
    ("supports_reasoning", "reasoning"),
    ("supports_prompt_caching", "prompt_caching"),
    ("supports_assistant_prefill", "prefill"),
    ("supports_system_messages", "system"),
    ("supports_web_search", "web_search"),
];

fn capabilities(entry: &Entry) -> Capabilities {
    let mut capabilities = Capabilities::default();
    for (theirs, ours) in CAPABILITIES {
        if entry.get(theirs) == Some(&Value::Bool(true)) {
            capabilities = capabilities.and(ours).unwrap_or(capabilities);
        }
    }
    capabilities
}

/// The source's word for a unit's price in US dollars.
const UNITS: [(&str, Unit); 19] = [
    ("input_cost_per_token", Unit::Input),
    ("output_cost_per_token", Unit::Output),
    ("cache_read_input_token_cost", Unit::CacheRead),
    ("cache_creation_input_token_cost", Unit::CacheWrite),
    (
        "cache_creation_input_token_cost_above_1hr",
        Unit::CacheWriteHour,
    ),
    ("input_cost_per_audio_token", Unit::AudioIn),
    ("output_cost_per_audio_token", Unit::AudioOut),
    ("cache_read_input_audio_token_cost", Unit::AudioRead),
    ("input_cost_per_image_token", Unit::ImageIn),
    ("output_cost_per_image_token", Unit::ImageOut),
    ("output_cost_per_reasoning_token", Unit::Reasoning),
    ("input_cost_per_image", Unit::PerImageIn),
    ("output_cost_per_image", Unit::PerImage),
    ("input_cost_per_second", Unit::PerSecondIn),
    ("output_cost_per_second", Unit::PerSecond),
    ("input_cost_per_character", Unit::PerCharIn),
    ("output_cost_per_character", Unit::PerChar),
    ("input_cost_per_query", Unit::PerQuery),
    ("input_cost_per_request", Unit::PerRequest),
];

fn price(entry: &Entry) -> Price {
    let mut price = Price::default();
    // An older name, where the newer one is missing.
    if let Some(hit) = entry.get("input_cost_per_token_cache_hit") {
        price.set_dollars(Service::Standard, 0, Unit::CacheRead, hit);
    }
    for (key, dollars) in entry {
        if let Some((service, above, unit)) = rate(key) {
            price.set_dollars(service, above, unit, dollars);
        }
    }
    let tiers = entry.get("tiered_pricing").and_then(Value::as_array);
    for tier in tiers.into_iter().flatten().filter_map(Value::as_object) {
        let from = tier.get("range").and_then(|range| number(range.get(0)?));
        let Some(above) = from else { continue };
        for (key, dollars) in tier {
            if let Some((service, 0, unit)) = rate(key) {
                price.set_dollars(service, above, unit, dollars);
            }
        }
    }
    price
}

impl Price {
    fn set_dollars(&mut self, service: Service, above: u64, unit: Unit, dollars: &Value) {
        let picodollars = dollars.as_f64().map(|dollars| (dollars * 1e12).round());
        // Up to a thousand dollars a unit; below 0 and above that is no price.
        if let Some(picodollars) = picodollars.filter(|value| (0.0..=1e15).contains(value)) {
            self.set(service, above, unit, picodollars as u64);
        }
    }
}

/// Takes a name apart: `input_cost_per_token_above_200k_tokens_batches`.
fn rate(key: &str) -> Option<(Service, u64, Unit)> {
    let services = [
        ("_batches", Service::Batch),
        ("_flex", Service::Flex),
        ("_priority", Service::Priority),
    ];
    let served = services
        .iter()
        .find_map(|(suffix, service)| Some((key.strip_suffix(suffix)?, *service)));
    let (key, service) = served.unwrap_or((key, Service::Standard));
    let long = key
        .strip_suffix("k_tokens")
        .and_then(|head| head.rsplit_once("_above_"))
        .and_then(|(head, thousands)| Some((head, thousands.parse::<u64>().ok()? * 1000)));
    let (key, above) = long.unwrap_or((key, 0));
    let unit = UNITS.iter().find(|(name, _)| *name == key)?.1;
    Some((service, above, unit))
}
