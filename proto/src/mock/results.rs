//! Answers to what is asked beside conversations. What a script says (`echo`, `text`, `tokens`) is what is spoken, written down,
//! drawn and counted; vectors and ranks are made of the texts themselves, so that the same text has the same vector in every run.

use serde_json::{Value, json};

use super::pieces::{Pieces, words};
use super::script::Script;
use super::{Ask, Dialect, Turn};
use crate::base64;
use crate::operation::Operation;

/// The answer: its media type, and its bytes.
pub(super) fn whole(
    script: &Script,
    ask: &Ask,
    turn: Turn,
    pieces: Pieces,
) -> (&'static str, Vec<u8>) {
    let tokens = words(&ask.last_user_text);
    let total = pieces.count();
    let json = match ask.operation {
        Operation::Embeddings => vectors(ask, turn, tokens),
        Operation::Rerank => ranking(ask, turn, tokens),
        Operation::Moderation => judged(script, ask, turn),
        Operation::Images => pictures(ask, turn, &pieces.joined()),
        Operation::Speech => return spoken(&ask.wish.format, pieces.joined()),
        Operation::Transcription => return written(&ask.wish.format, pieces.joined(), total),
        // The only other that is answered in one piece and asked by POST.
        _ => counted(ask.dialect, total),
    };
    (JSON, json.to_string().into_bytes())
}

fn vectors(ask: &Ask, turn: Turn, tokens: u32) -> Value {
    let wish = &ask.wish;
    let dimensions = wish.dimensions.unwrap_or(DIMENSIONS);
    let all: Vec<Vec<i8>> = (wish.texts.iter())
        .map(|text| numbers(text, dimensions))
        .collect();
    let floats = |vector: &Vec<i8>| -> Vec<f32> {
        let whole = vector.iter().map(|number| f32::from(*number));
        whole.map(|number| number / 128.0).collect()
    };
    let list: Vec<_> = all.iter().map(floats).collect();
    let id = format!("mock{:020}", turn.number);
    match ask.dialect {
        Dialect::Cohere | Dialect::CohereV1 => {
            let kinds = match (wish.kinds.is_empty(), ask.dialect) {
                (true, Dialect::CohereV1) => json!(list),
                _ => wish
                    .kinds
                    .iter()
                    .map(|kind| (kind.clone(), of_kind(kind, &all, &list)))
                    .collect(),
            };
            json!({
                "id": id,
                "texts": wish.texts,
                "embeddings": kinds,
                "meta": { "api_version": { "version": version(ask.dialect) }, "billed_units": { "input_tokens": tokens } },
                "response_type": if wish.kinds.is_empty() { "embeddings_floats" } else { "embeddings_by_type" },
            })
        }
        Dialect::Ollama => json!({
            "model": ask.model,
            "embeddings": list,
            "total_duration": 1,
            "load_duration": 1,
            "prompt_eval_count": tokens,
        }),
        Dialect::Gemini => of_google(ask, list, tokens),
        _ => {
            let one = |(index, vector): (usize, &Vec<f32>)| {
                let said = match wish.format == "base64" {
                    true => {
                        let bytes: Vec<u8> = vector
                            .iter()
                            .flat_map(|number| number.to_le_bytes())
                            .collect();
                        json!(base64::encode(&bytes))
                    }
                    false => json!(vector),
                };
                json!({ "object": "embedding", "index": index, "embedding": said })
            };
            let data: Vec<_> = list.iter().enumerate().map(one).collect();
            json!({
                "object": "list",
                "data": data,
                "model": ask.model,
                "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
            })
        }
    }
}

/// Google's three ways to tell vectors.
fn of_google(ask: &Ask, list: Vec<Vec<f32>>, tokens: u32) -> Value {
    if ask.wish.instances {
        let one = |(number, vector): (usize, Vec<f32>)| {
            // The texts' tokens are told with each: the first has all of them.
            let tokens = if number == 0 { tokens } else { 0 };
            let statistics = json!({ "token_count": tokens, "truncated": false });
            json!({ "embeddings": { "values": vector, "statistics": statistics } })
        };
        let predictions: Vec<_> = list.into_iter().enumerate().map(one).collect();
        return json!({ "predictions": predictions });
    }
    if ask.wish.single {
        return json!({ "embedding": { "values": list.first() } });
    }
    let one = |vector| json!({ "values": vector });
    json!({ "embeddings": list.into_iter().map(one).collect::<Vec<_>>() })
}

/// The same vectors in another kind of number.
fn of_kind(kind: &str, all: &[Vec<i8>], floats: &[Vec<f32>]) -> Value {
    let raised = |vector: &Vec<i8>| -> Vec<u8> {
        vector
            .iter()
            .map(|number| number.wrapping_add(-128) as u8)
            .collect()
    };
    let packed = |vector: &Vec<f32>| {
        let bytes: Vec<u8> = vector
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        base64::encode(&bytes)
    };
    match kind {
        "int8" => json!(all),
        "uint8" => json!(all.iter().map(raised).collect::<Vec<_>>()),
        "base64" => json!(floats.iter().map(packed).collect::<Vec<_>>()),
        _ => json!(floats),
    }
}

/// Numbers that a text has, and no other is likely to have (FNV-1a, then splitmix64).
fn numbers(text: &str, count: usize) -> Vec<i8> {
    let mut state = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 56) as u8 as i8
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// A document is as relevant as the share of the question's words that it has; of two alike the first comes first.
fn ranking(ask: &Ask, turn: Turn, tokens: u32) -> Value {
    let wish = &ask.wish;
    let question: Vec<String> = lower(&ask.last_user_text);
    let score = |text: &String| {
        let has = lower(text);
        let shared = question.iter().filter(|word| has.contains(word)).count();
        shared as f64 / question.len().max(1) as f64
    };
    let mut ranked: Vec<(usize, f64)> = wish.texts.iter().map(score).enumerate().collect();
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1));
    ranked.truncate(wish.top.unwrap_or(usize::MAX));
    let results: Vec<_> = (ranked.into_iter())
        .map(|(index, score)| {
            let mut one = json!({ "index": index, "relevance_score": score });
            if wish.with_documents {
                one["document"] = json!({ "text": wish.texts[index] });
            }
            one
        })
        .collect();
    let id = format!("mock{:020}", turn.number);
    if ask.dialect == Dialect::Cohere {
        let meta =
            json!({ "api_version": { "version": "2" }, "billed_units": { "search_units": 1 } });
        return json!({ "id": id, "results": results, "meta": meta });
    }
    let read: u32 = wish.texts.iter().map(|text| words(text)).sum();
    let total = u64::from(tokens) + u64::from(read);
    json!({ "id": id, "model": ask.model, "usage": { "total_tokens": total }, "results": results })
}

fn lower(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_lowercase).collect()
}

/// A script's refusal names the category that every text is of.
fn judged(script: &Script, ask: &Ask, turn: Turn) -> Value {
    let found = script.refusal();
    let mut categories = serde_json::Map::new();
    let mut scores = serde_json::Map::new();
    for name in CATEGORIES.iter().copied().chain(found) {
        let is = found == Some(name);
        categories.insert(name.to_owned(), json!(is));
        scores.insert(name.to_owned(), json!(if is { 0.99 } else { 0.01 }));
    }
    let one =
        json!({ "flagged": found.is_some(), "categories": categories, "category_scores": scores });
    json!({
        "id": format!("modr-mock{:020}", turn.number),
        "model": ask.model,
        "results": vec![one; ask.wish.texts.len()],
    })
}

fn pictures(ask: &Ask, turn: Turn, said: &str) -> Value {
    let one = |number| match ask.wish.format.as_str() {
        "url" => json!({
            "url": format!("https://mock.invalid/images/{}-{number}.png", turn.number),
            "revised_prompt": said,
        }),
        _ => json!({ "b64_json": DOT, "revised_prompt": said }),
    };
    let data: Vec<_> = (0..ask.n).map(one).collect();
    json!({ "created": turn.created, "data": data })
}

/// What is said, as bytes: there is no voice here.
fn spoken(format: &str, said: String) -> (&'static str, Vec<u8>) {
    let media_type = match format {
        "opus" => "audio/opus",
        "aac" => "audio/aac",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "pcm" => "audio/pcm",
        _ => "audio/mpeg",
    };
    (media_type, said.into_bytes())
}

fn written(format: &str, said: String, seconds: u32) -> (&'static str, Vec<u8>) {
    let time = |seconds: u32| {
        format!(
            "{:02}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    };
    let text = match format {
        "text" => format!("{said}\n"),
        "srt" => format!("1\n{},000 --> {},000\n{said}\n\n", time(0), time(seconds)),
        "vtt" => format!(
            "WEBVTT\n\n{}.000 --> {}.000\n{said}\n\n",
            time(0),
            time(seconds)
        ),
        "verbose_json" => {
            let json = json!({ "task": "transcribe", "language": "english", "duration": f64::from(seconds), "text": said });
            return (JSON, json.to_string().into_bytes());
        }
        _ => return (JSON, json!({ "text": said }).to_string().into_bytes()),
    };
    ("text/plain; charset=utf-8", text.into_bytes())
}

fn counted(dialect: Dialect, tokens: u32) -> Value {
    match dialect {
        Dialect::Anthropic => json!({ "input_tokens": tokens }),
        Dialect::OpenaiResponses => {
            json!({ "object": "response.input_tokens", "input_tokens": tokens })
        }
        Dialect::OpenaiChat => json!({
            "count": tokens,
            "max_model_len": 4096,
            "tokens": (0..tokens).collect::<Vec<_>>(),
        }),
        _ => json!({
            "totalTokens": tokens,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": tokens }],
        }),
    }
}

/// The list of models, as each API has it on a page.
pub fn list<'a>(dialect: Dialect, names: impl Iterator<Item = &'a str>) -> String {
    let ids: Vec<&str> = names.collect();
    let each =
        |one: &dyn Fn(&str) -> Value| -> Vec<Value> { ids.iter().map(|id| one(id)).collect() };
    let json = match dialect {
        Dialect::Anthropic => json!({
            "data": each(&|id| json!({ "type": "model", "id": id, "display_name": id, "created_at": "1970-01-01T00:00:00Z" })),
            "has_more": false,
            "first_id": ids.first(),
            "last_id": ids.last(),
        }),
        Dialect::Cohere | Dialect::CohereV1 => json!({
            "models": each(&|id| json!({ "name": id, "endpoints": ["chat", "embed", "rerank"], "finetuned": false })),
        }),
        Dialect::Ollama | Dialect::OllamaGenerate => json!({
            "models": each(&|id| json!({ "name": id, "model": id, "modified_at": "1970-01-01T00:00:00Z", "size": 0 })),
        }),
        Dialect::Gemini | Dialect::GeminiArray => json!({
            "models": each(&|id| json!({
                "name": format!("models/{id}"),
                "displayName": id,
                "supportedGenerationMethods": ["generateContent", "countTokens", "embedContent"],
            })),
        }),
        _ => json!({
            "object": "list",
            "data": each(&|id| json!({ "id": id, "object": "model", "created": 0, "owned_by": "mock" })),
        }),
    };
    json.to_string()
}

fn version(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::CohereV1 => "1",
        _ => "2",
    }
}

const JSON: &str = "application/json";
/// Enough to tell two vectors apart, and short enough to read.
const DIMENSIONS: usize = 8;
/// Some of those that OpenAI's moderation has.
const CATEGORIES: &[&str] = &["harassment", "hate", "self-harm", "sexual", "violence"];
/// A picture of one transparent dot, a PNG.
const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
