//! Where a text is cut before its vocabulary is applied: the patterns that OpenAI publishes with its encodings (tiktoken,
//! openai_public.py), by hand. A token never reaches over such a cut.

use unicode_properties::{
    GeneralCategory as Category, GeneralCategoryGroup as Group, UnicodeGeneralCategory,
};

/// Which pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// GPT-3.5, GPT-4, and Llama 3.
    Cl100k,
    /// GPT-4o and what came after it.
    O200k,
}

impl Split {
    /// The pattern of this name.
    pub fn named(name: &str) -> Option<Split> {
        match name {
            "cl100k" => Some(Split::Cl100k),
            "o200k" => Some(Split::O200k),
            _ => None,
        }
    }

    /// Bytes of the first piece of a text that is not empty.
    pub(super) fn next(self, text: &str) -> usize {
        let word = match self {
            Split::Cl100k => contraction(text).or_else(|| letters(text)),
            Split::O200k => cased(text),
        };
        word.or_else(|| numbers(text))
            .or_else(|| signs(text, self))
            .unwrap_or_else(|| blanks(text, self))
    }
}

/// `[^\r\n\p{L}\p{N}]?\p{L}+`
fn letters(text: &str) -> Option<usize> {
    let start = leading(text);
    let letters = run(&text[start..], is_letter);
    (letters > 0).then_some(start + letters)
}

/// `[^\r\n\p{L}\p{N}]?U*L+'?` or else `[^\r\n\p{L}\p{N}]?U+L*'?`: U and L are large and small letters, each with what is neither, and the
/// end is a [`contraction`].
fn cased(text: &str) -> Option<usize> {
    let start = leading(text);
    // A mark may be the one that leads, and if no letter follows, what is led.
    let starts = [start, 0];
    let starts = &starts[..if start > 0 { 2 } else { 1 }];
    let found = starts
        .iter()
        .find_map(|start| Some(start + small_at_last(&text[*start..])?));
    let found = found.or_else(|| {
        starts.iter().find_map(|start| {
            let large = run(&text[*start..], is_large);
            (large > 0).then(|| start + large + run(&text[start + large..], is_small))
        })
    })?;
    Some(found + contraction(&text[found..]).unwrap_or_default())
}

/// `U*L+`
fn small_at_last(text: &str) -> Option<usize> {
    let large = run(text, is_large);
    let small = run(&text[large..], is_small);
    if small > 0 {
        return Some(large + small);
    }
    // What is both is given back by the first half, as little as will do.
    let (at, last) = text[..large]
        .char_indices()
        .rev()
        .find(|(_, letter)| is_small(*letter))?;
    Some(at + last.len_utf8())
}

/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)`. None is the beginning of another.
fn contraction(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('\'')?;
    let mut next = rest.chars();
    let (first, second) = (next.next()?, next.next().unwrap_or_default());
    // The long s is an s of another case.
    let one = matches!(
        first.to_ascii_lowercase(),
        's' | 't' | 'm' | 'd' | '\u{17f}'
    );
    let both = (first.to_ascii_lowercase(), second.to_ascii_lowercase());
    let two = matches!(both, ('l', 'l') | ('v', 'e') | ('r', 'e'));
    match (one, two) {
        (true, _) => Some(1 + first.len_utf8()),
        (_, true) => Some(1 + 2),
        _ => None,
    }
}

/// `\p{N}{1,3}`
fn numbers(text: &str) -> Option<usize> {
    let three = text.chars().take(3).take_while(|sign| is_number(*sign));
    Some(three.map(char::len_utf8).sum()).filter(|bytes| *bytes > 0)
}

/// ` ?[^\s\p{L}\p{N}]+[\r\n]*`, with slashes among the last of the newer pattern.
fn signs(text: &str, split: Split) -> Option<usize> {
    let start = usize::from(text.starts_with(' '));
    let signs = run(&text[start..], |sign| {
        !sign.is_whitespace() && !is_letter(sign) && !is_number(sign)
    });
    if signs == 0 {
        return None;
    }
    let end = start + signs;
    let slash = split == Split::O200k;
    Some(
        end + run(&text[end..], |sign| {
            matches!(sign, '\r' | '\n') || slash && sign == '/'
        }),
    )
}

/// What is left: `\s*[\r\n]+|\s+(?!\S)|\s+`, and of the older pattern, before these, all blanks at the end of the text.
fn blanks(text: &str, split: Split) -> usize {
    let all = run(text, char::is_whitespace);
    let at_end = all == text.len();
    if at_end && split == Split::Cl100k {
        return all;
    }
    if let Some(line) = text[..all].rfind(['\r', '\n']) {
        return line + 1;
    }
    if at_end {
        return all;
    }
    // The last one belongs to the word that follows, if it is not alone.
    let last = text[..all].chars().next_back().map_or(0, char::len_utf8);
    if all > last { all - last } else { all }
}

/// Bytes of the sign that a word may begin with.
fn leading(text: &str) -> usize {
    let leads =
        |sign: &char| !matches!(sign, '\r' | '\n') && !is_letter(*sign) && !is_number(*sign);
    text.chars().next().filter(leads).map_or(0, char::len_utf8)
}

/// Bytes for as long as it holds.
fn run(text: &str, holds: impl Fn(char) -> bool) -> usize {
    text.find(|sign| !holds(sign)).unwrap_or(text.len())
}

fn is_letter(sign: char) -> bool {
    match sign.is_ascii() {
        true => sign.is_ascii_alphabetic(),
        false => sign.general_category_group() == Group::Letter,
    }
}

fn is_number(sign: char) -> bool {
    match sign.is_ascii() {
        true => sign.is_ascii_digit(),
        false => sign.general_category_group() == Group::Number,
    }
}

fn is_large(sign: char) -> bool {
    match sign.is_ascii() {
        true => sign.is_ascii_uppercase(),
        false => match sign.general_category() {
            Category::UppercaseLetter | Category::TitlecaseLetter => true,
            category => is_either(category),
        },
    }
}

fn is_small(sign: char) -> bool {
    match sign.is_ascii() {
        true => sign.is_ascii_lowercase(),
        false => match sign.general_category() {
            Category::LowercaseLetter => true,
            category => is_either(category),
        },
    }
}

/// Letters without case, and marks.
fn is_either(category: Category) -> bool {
    matches!(
        category,
        Category::ModifierLetter
            | Category::OtherLetter
            | Category::NonspacingMark
            | Category::SpacingMark
            | Category::EnclosingMark
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(split: Split, text: &str) -> Vec<&str> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let (piece, left) = rest.split_at(split.next(rest));
            pieces.push(piece);
            rest = left;
        }
        pieces
    }

    #[test]
    fn the_older_pattern_keeps_words_whole() {
        let of = |text| pieces(Split::Cl100k, text);
        assert_eq!(
            of("It's 12345 fooBar, isn't it?"),
            [
                "It", "'s", " ", "123", "45", " fooBar", ",", " isn", "'t", " it", "?"
            ]
        );
        assert_eq!(of("a  b \n\n c"), ["a", " ", " b", " \n\n", " c"]);
        assert_eq!(of("end.\n\n  \n "), ["end", ".\n\n", "  \n "]);
        assert_eq!(of("'S 'LL /*x*/\n"), ["'S", " '", "LL", " /*", "x", "*/\n"]);
        assert_eq!(
            of("\u{e9}t\u{e9} \u{65e5}\u{672c}\u{663}\u{664}"),
            ["\u{e9}t\u{e9}", " \u{65e5}\u{672c}", "\u{663}\u{664}"]
        );
    }

    #[test]
    fn the_newer_pattern_cuts_where_small_letters_end() {
        let of = |text| pieces(Split::O200k, text);
        assert_eq!(
            of("It's 1234 fooBar HTTPServer"),
            ["It's", " ", "123", "4", " foo", "Bar", " HTTPServer"]
        );
        assert_eq!(of("a/b //\n/x"), ["a", "/b", " //\n/", "x"]);
        assert_eq!(of("WE'VE \u{1c5}x"), ["WE'VE", " \u{1c5}x"]);
        // What has no case is a large letter and a small one.
        assert_eq!(
            of("\u{65e5}\u{672c}A\u{65e5}BC"),
            ["\u{65e5}\u{672c}A\u{65e5}", "BC"]
        );
        // A mark leads where a letter follows, and is a letter where none does.
        assert_eq!(of("\u{301}a\u{301}"), ["\u{301}a\u{301}"]);
        assert_eq!(of("\u{301}1"), ["\u{301}", "1"]);
        assert_eq!(of("x \t\n  y  "), ["x", " \t\n", " ", " y", "  "]);
    }
}
