//! "Did you mean": the known names closest to a mistyped one.

/// The `count` candidates closest to `word`, nearest first; ties keep the candidates' order.
///
/// ```
/// use libllm_proto::provider::closest;
/// assert_eq!(closest("antropic", ["openai", "anthropic", "azure"], 1), ["anthropic"]);
/// ```
pub fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    count: usize,
) -> Vec<&'a str> {
    let mut ranked: Vec<_> = candidates
        .into_iter()
        .map(|name| (distance(word, name), name))
        .collect();
    ranked.sort_by_key(|(distance, _)| *distance);
    ranked
        .into_iter()
        .take(count)
        .map(|(_, name)| name)
        .collect()
}

/// Insertions, deletions and replacements between the two, letter case aside. Counts the first 64 characters: names are short, and
/// the word is the caller's.
fn distance(a: &str, b: &str) -> usize {
    let lower = |text: &str| -> Vec<char> {
        text.chars()
            .take(64)
            .map(|c| c.to_ascii_lowercase())
            .collect()
    };
    let (a, b) = (lower(a), lower(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("Kitten", "sitting", 3),
            ("grok", "groq", 1),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }

    #[test]
    fn ranks_and_stops_at_the_count() {
        let names = ["openai", "openrouter", "ollama", "groq"];
        assert_eq!(closest("opena", names, 2), ["openai", "ollama"]);
        assert_eq!(closest("x", [], 3), [] as [&str; 0]);
        assert_eq!(closest(&"y".repeat(1 << 20), names, 3).len(), 3);
    }
}
