//! A provider's text made fit for a message: bounded, without control characters, without what looks like a key; of an HTML
//! page the title only, because the page of a CDN holds the caller's address.

use super::{BODY_MAX, MESSAGE_MAX};

/// The text of a message: [`MESSAGE_MAX`] bytes of the provider's own, blanks around it included, and no fewer than [`CHARS`]
/// characters, which are more bytes in most scripts.
pub(super) fn message(text: &str) -> String {
    // Line feeds and tabs stay: they are part of what the provider said. A carriage return alone writes over what stands before it.
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        let stays = match char {
            '\n' | '\t' => true,
            '\r' => rest.peek() == Some(&'\n'),
            char => !char.is_control(),
        };
        if stays {
            plain.push(char);
        }
    }
    // Before it is cut: of half a key nobody could tell what it is.
    let mut message = redact(&plain);
    if message.trim().is_empty() {
        return "the provider's words hold no readable character".to_owned();
    }
    let chars = message.char_indices().nth(CHARS).map(|(at, _)| at);
    let cut = chars
        .unwrap_or(message.len())
        .max(message.floor_char_boundary(MESSAGE_MAX));
    if cut < message.len() {
        message.truncate(cut);
        message.push_str("...");
    }
    message
}

/// Characters of a message that are kept whatever their bytes.
const CHARS: usize = 256;

/// The text of a body: at most [`BODY_MAX`] bytes of it.
pub(super) fn body(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(BODY_MAX)]).into_owned()
}

/// Whether the body begins like a page.
pub(super) fn is_html(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    [&b"<!doctype"[..], b"<html", b"<head", b"<title"]
        .iter()
        .any(|tag| {
            start
                .get(..tag.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(tag))
        })
}

/// The title of a page, on one line, without addresses.
pub(super) fn title(page: &[u8]) -> Option<String> {
    let page = body(page);
    let lower = page.to_ascii_lowercase();
    let from = lower.find("<title")?;
    let from = from + lower[from..].find('>')? + 1;
    let to = from + lower[from..].find('<')?;
    let words: Vec<&str> = page[from..to]
        .split_whitespace()
        .map(|word| if is_address(word) { "***" } else { word })
        .collect();
    (!words.is_empty()).then(|| message(&words.join(" ")))
}

/// Whether a word is an IP address, punctuation around it aside.
fn is_address(word: &str) -> bool {
    word.trim_matches(|char: char| !char.is_ascii_alphanumeric() && char != ':')
        .parse::<std::net::IpAddr>()
        .is_ok()
}

/// Beginnings of keys, and how many characters behind one make it a key and not a word: the documents of OpenAI, Anthropic,
/// OpenRouter and DeepSeek (sk-), Groq, xAI, Perplexity, Google, Hugging Face, NVIDIA, Fireworks, AWS.
const KEYS: &[(&str, usize)] = &[
    ("sk-", 4),
    ("gsk_", 8),
    ("xai-", 16),
    ("pplx-", 16),
    ("AIza", 16),
    ("hf_", 16),
    ("nvapi-", 16),
    ("fw_", 16),
    ("AKIA", 16),
];

/// Replaces what looks like a key: providers echo them in part or in full.
fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut inside = false;
    while let Some(first) = rest.chars().next() {
        let found = (!inside).then(|| {
            KEYS.iter()
                .find_map(|(start, least)| key_len(rest, start, *least))
        });
        if let Some((start, len)) = found.flatten() {
            out.push_str(start);
            out.push_str("***");
            rest = &rest[len..];
            continue;
        }
        inside = first.is_alphanumeric();
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    out
}

/// The length of the key that `text` begins with, if it begins with one. What the provider masked itself says no more than it
/// wants to.
fn key_len(text: &str, start: &'static str, least: usize) -> Option<(&'static str, usize)> {
    let tail = text.strip_prefix(start)?;
    let part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '*');
    let len = tail.find(|char| !part(char)).unwrap_or(tail.len());
    let (key, behind) = tail.split_at(len);
    let is_key = len >= least && !is_masked(key, behind) && !is_name(start, key);
    is_key.then_some((start, start.len() + len))
}

// Stars in the place of most of it, or dots behind its beginning. Two stars around a whole one are emphasis.
fn is_masked(key: &str, behind: &str) -> bool {
    let shown = key.bytes().filter(|byte| *byte != b'*').count();
    let dots = behind.starts_with("...") || behind.starts_with('…');
    key.contains("***") && shown <= SHOWN_MAX || dots && shown <= SHOWN_BEFORE_DOTS
}

// These services' models are named as their keys are (`pplx-embed-context-v1`): in words, of which none is as long as what a key has
// between two hyphens.
fn is_name(start: &str, key: &str) -> bool {
    let longest = key.split(['-', '_']).map(str::len).max().unwrap_or(0);
    matches!(start, "pplx-" | "xai-") && key.len() < KEY_SURELY && longest < KEY_RUN
}

const KEY_RUN: usize = 12;
/// Of so many characters anything is a key, wherever its hyphens are.
const KEY_SURELY: usize = 32;
/// So much of a key a provider shows at most where it masks the rest with stars, and before dots.
const SHOWN_MAX: usize = 16;
const SHOWN_BEFORE_DOTS: usize = 12;
