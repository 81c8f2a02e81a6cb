//! Finds what is looked for in a text.

use std::ops::Range;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// An address of mail.
    Email,
    /// A telephone number: international, or grouped as in North America.
    Phone,
    /// A card's number, whose last digit is right (Luhn, ISO/IEC 7812-1).
    Card,
    /// An account's number, whose check digits are right (ISO 13616).
    Iban,
    /// A key of a known service, a private key, a signed token.
    Secret,
    /// One of the words.
    Word,
}

impl Shape {
    /// Those that are personal data, with their names.
    pub(crate) const PERSONAL: &'static [(&'static str, Shape)] = &[
        ("email", Shape::Email),
        ("phone", Shape::Phone),
        ("card", Shape::Card),
        ("iban", Shape::Iban),
    ];

    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Shape::Email => "email",
            Shape::Phone => "phone",
            Shape::Card => "card",
            Shape::Iban => "iban",
            Shape::Secret => "secret",
            Shape::Word => "word",
        }
    }

    /// What stands in its place.
    pub(crate) fn mask(self) -> &'static str {
        match self {
            Shape::Email => "[EMAIL]",
            Shape::Phone => "[PHONE]",
            Shape::Card => "[CARD]",
            Shape::Iban => "[IBAN]",
            Shape::Secret => "[SECRET]",
            Shape::Word => "[WORD]",
        }
    }
}

/// Which shapes are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Those, words aside.
    pub(crate) shapes: Vec<Shape>,
    /// In small letters.
    pub(crate) words: Vec<String>,
}

/// Something that was found, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) shape: Shape,
    pub(crate) at: Range<usize>,
}

impl Wanted {
    fn wants(&self, shape: Shape) -> bool {
        self.shapes.contains(&shape)
    }

    /// Everything in the text, in order, none within another. `before` is the character that stood before it.
    pub(crate) fn find(&self, text: &str, before: Option<char>) -> Vec<Found> {
        let mut found = Vec::new();
        let bytes = text.as_bytes();
        let mut last = before.map_or(b' ', |before| {
            if before.is_ascii() {
                before as u8
            } else {
                b'x'
            }
        });
        let mut at = 0;
        while at < bytes.len() {
            let Some((shape, end)) = self.begins(text, at, last) else {
                last = bytes[at];
                at += 1;
                continue;
            };
            found.push(Found { shape, at: at..end });
            last = bytes[end - 1];
            at = end;
        }
        found
    }

    // What begins here, and where it ends.
    fn begins(&self, text: &str, at: usize, last: u8) -> Option<(Shape, usize)> {
        let rest = &text.as_bytes()[at..];
        let first = rest[0];
        let is_start = !last.is_ascii_alphanumeric();
        let found = |shape, len: usize| Some((shape, at + len));
        if is_start {
            if self.wants(Shape::Secret)
                && let Some(len) = secret(rest)
            {
                return found(Shape::Secret, len);
            }
            if self.wants(Shape::Iban)
                && first.is_ascii_uppercase()
                && let Some(len) = iban(rest)
            {
                return found(Shape::Iban, len);
            }
            if self.wants(Shape::Card)
                && first.is_ascii_digit()
                && let Some(len) = card(rest)
            {
                return found(Shape::Card, len);
            }
            if self.wants(Shape::Phone)
                && matches!(first, b'+' | b'(' | b'0'..=b'9')
                && let Some(len) = phone(rest)
            {
                return found(Shape::Phone, len);
            }
        }
        if self.wants(Shape::Email)
            && is_local(first)
            && !is_local(last)
            && let Some(len) = email(rest)
        {
            return found(Shape::Email, len);
        }
        if text.is_char_boundary(at) && is_start {
            let len = self
                .words
                .iter()
                .find_map(|word| starts_with_word(&text[at..], word))?;
            return found(Shape::Word, len);
        }
        None
    }

    /// Where the end of a text begins that may still become a match with what follows it.
    pub(crate) fn undecided(&self, text: &str) -> usize {
        let bytes = text.as_bytes();
        let run = |is: fn(u8) -> bool| {
            bytes
                .iter()
                .rposition(|byte| !is(*byte))
                .map_or(0, |at| at + 1)
        };
        let mut from = text.len();
        if self.wants(Shape::Email) {
            from = from.min(run(|byte| is_local(byte) || byte == b'@'));
        }
        if self.wants(Shape::Secret) {
            from = from.min(run(|byte| !byte.is_ascii_whitespace()));
            // A private key has many lines.
            if let Some(begin) = text.rfind(PRIVATE_KEY) {
                from = from.min(begin);
            }
        }
        if self.wants(Shape::Card) || self.wants(Shape::Phone) {
            from = from.min(run(|byte| byte.is_ascii_digit() || is_gap(byte)));
        }
        if self.wants(Shape::Iban) {
            from = from.min(run(|byte| {
                byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
            }));
        }
        let longest = self.words.iter().map(String::len).max().unwrap_or(0);
        from = from.min(text.len().saturating_sub(longest));
        text.floor_char_boundary(from.max(text.len().saturating_sub(HELD_MAX)))
    }
}

/// However long the end of a text that may still become a match: no shape but a private key is longer.
pub(crate) const HELD_MAX: usize = 4096;

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-')
}

fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'+')
}

fn email(text: &[u8]) -> Option<usize> {
    let local = text
        .iter()
        .take(LOCAL_MAX + 1)
        .position(|byte| !is_local(*byte))?;
    if local == 0 || text[local] != b'@' {
        return None;
    }
    let domain = &text[local + 1..];
    let is_domain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let mut len = domain
        .iter()
        .position(|byte| !is_domain(byte))
        .unwrap_or(domain.len());
    // A full stop that ends a sentence is none of the address.
    while len > 0 && matches!(domain[len - 1], b'.' | b'-') {
        len -= 1;
    }
    let dot = domain[..len].iter().rposition(|byte| *byte == b'.')?;
    let top = &domain[dot + 1..len];
    let good = dot > 0 && top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic);
    good.then_some(local + 1 + len)
}

// Digits from here on, at most `most`, one gap between two of them at most; each with where it ends.
fn digits(text: &[u8], most: usize, gaps: &[u8]) -> Vec<(u8, usize)> {
    let mut found: Vec<(u8, usize)> = Vec::new();
    let mut gap = true;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' if found.len() <= most => {
                found.push((byte - b'0', at + 1));
                gap = false;
            }
            byte if gaps.contains(byte) && !gap => gap = true,
            _ => break,
        }
    }
    found
}

fn card(text: &[u8]) -> Option<usize> {
    let digits = digits(text, 19, b" -");
    let ends = text
        .get(digits.last()?.1)
        .is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let good = (13..=19).contains(&digits.len()) && ends && luhn(&digits);
    // Nobody's card is all noughts.
    (good && digits.iter().any(|digit| digit.0 != 0)).then_some(digits.last()?.1)
}

fn luhn(digits: &[(u8, usize)]) -> bool {
    let double = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, (digit, _))| {
            u32::from(if place % 2 == 1 {
                double(*digit)
            } else {
                *digit
            })
        })
        .sum();
    sum.is_multiple_of(10)
}

fn iban(text: &[u8]) -> Option<usize> {
    let mut signs = Vec::with_capacity(34);
    let mut end = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' if signs.len() < 34 => {
                signs.push(*byte);
                end = at + 1;
                let whole = text
                    .get(end)
                    .is_none_or(|next| !next.is_ascii_alphanumeric());
                if signs.len() >= 15 && whole && is_iban(&signs) {
                    return Some(end);
                }
            }
            b' ' if end == at && end > 0 => {}
            _ => break,
        }
    }
    None
}

fn is_iban(signs: &[u8]) -> bool {
    let shaped =
        signs[..2].iter().all(u8::is_ascii_uppercase) && signs[2..4].iter().all(u8::is_ascii_digit);
    let turned = signs[4..].iter().chain(&signs[..4]);
    let rest = turned.fold(0u32, |rest, sign| match sign {
        b'0'..=b'9' => (rest * 10 + u32::from(sign - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    shaped && rest == 1
}

fn phone(text: &[u8]) -> Option<usize> {
    let end = match text[0] {
        // ITU-T E.164: at most 15 digits, the country's among them.
        b'+' => {
            let digits = digits(&text[1..], 15, b" -.()");
            (8..=15)
                .contains(&digits.len())
                .then(|| digits.last().map(|digit| 1 + digit.1))?
        }
        _ => grouped(text),
    }?;
    text.get(end)
        .is_none_or(|byte| !byte.is_ascii_alphanumeric())
        .then_some(end)
}

// 555-123-4567, (555) 123-4567, 555.123.4567: written together such a number is any number.
fn grouped(text: &[u8]) -> Option<usize> {
    let mut at = usize::from(text[0] == b'(');
    for (group, len) in [3, 3, 4].into_iter().enumerate() {
        let all = text.get(at..at + len)?.iter().all(u8::is_ascii_digit);
        if !all {
            return None;
        }
        at += len;
        if group == 0 && text[0] == b'(' {
            if *text.get(at)? != b')' {
                return None;
            }
            at += 1;
            at += usize::from(text.get(at) == Some(&b' '));
        } else if group < 2 {
            if !matches!(text.get(at)?, b'-' | b'.' | b' ') {
                return None;
            }
            at += 1;
        }
    }
    Some(at)
}

fn secret(text: &[u8]) -> Option<usize> {
    if text.starts_with(PRIVATE_KEY.as_bytes()) {
        return private_key(text);
    }
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let run = |text: &[u8]| {
        text.iter()
            .position(|byte| !is_sign(byte))
            .unwrap_or(text.len())
    };
    for (prefix, least) in KEYS {
        if let Some(rest) = text.strip_prefix(prefix.as_bytes()) {
            let len = run(rest);
            // Names in prose have no digits.
            if len >= *least && rest[..len].iter().any(u8::is_ascii_digit) {
                return Some(prefix.len() + len);
            }
        }
    }
    token(text, run)
}

// A signed token (RFC 7519): three parts, of which the first two are JSON in base64.
fn token(text: &[u8], run: impl Fn(&[u8]) -> usize) -> Option<usize> {
    if !text.starts_with(b"eyJ") {
        return None;
    }
    let head = run(text);
    let body = text
        .get(head + 1..)
        .filter(|body| text[head] == b'.' && body.starts_with(b"eyJ"))?;
    let len = run(body);
    let seal = body.get(len + 1..).filter(|_| body[len] == b'.')?;
    Some(head + 1 + len + 1 + run(seal))
}

fn private_key(text: &[u8]) -> Option<usize> {
    // Whatever kind it is, its first line says so.
    let first = text
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(text.len().min(64));
    let head = String::from_utf8_lossy(&text[..first]);
    if !head.contains("PRIVATE KEY") {
        return None;
    }
    let rest = &text[first..];
    let end = rest
        .windows(END.len())
        .position(|window| window == END.as_bytes());
    // Without an end it is what there is of one.
    let Some(end) = end else {
        return Some(text.len());
    };
    let line = rest[end..].iter().position(|byte| *byte == b'\n');
    Some(first + end + line.unwrap_or(rest.len() - end))
}

fn starts_with_word(text: &str, word: &str) -> Option<usize> {
    let mut rest = text.chars();
    for wanted in word.chars() {
        let mut small = rest.next()?.to_lowercase();
        if small.next() != Some(wanted) || small.next().is_some() {
            return None;
        }
    }
    let ends = rest
        .clone()
        .next()
        .is_none_or(|next| !next.is_alphanumeric());
    ends.then(|| text.len() - rest.as_str().len())
}

const PRIVATE_KEY: &str = "-----BEGIN ";
const END: &str = "-----END ";
const LOCAL_MAX: usize = 64;
/// How keys begin and how many signs follow at least: the services' own pages on their formats, read 2026-11-21.
const KEYS: &[(&str, usize)] = &[
    ("sk-ant-", 20),
    ("sk-proj-", 20),
    ("sk-", 20),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 35),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("github_pat_", 22),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("gsk_", 20),
    ("hf_", 30),
    ("xai-", 20),
    ("npm_", 30),
    ("sk_live_", 20),
    ("rk_live_", 20),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        let shapes = [
            Shape::Email,
            Shape::Phone,
            Shape::Card,
            Shape::Iban,
            Shape::Secret,
        ];
        Wanted {
            shapes: shapes.to_vec(),
            words: vec!["project x".into(), "größe".into()],
        }
    }

    fn found(text: &str) -> Vec<(Shape, &str)> {
        let all = wanted().find(text, None);
        all.iter()
            .map(|it| (it.shape, &text[it.at.clone()]))
            .collect()
    }

    #[test]
    fn finds_what_has_the_shape_and_the_check_digits() {
        let key = format!("sk-proj-{}", "a1b2".repeat(8));
        let text = format!("at {key}, ");
        assert_eq!(found(&text), [(Shape::Secret, &*key)]);
        for (text, shape, what) in [
            (
                "write to Jo.Doe+x@mail.example.com.",
                Shape::Email,
                "Jo.Doe+x@mail.example.com",
            ),
            (
                "card 4111 1111 1111 1111!",
                Shape::Card,
                "4111 1111 1111 1111",
            ),
            ("4111111111111111", Shape::Card, "4111111111111111"),
            (
                "DE89 3704 0044 0532 0130 00 is it",
                Shape::Iban,
                "DE89 3704 0044 0532 0130 00",
            ),
            (
                "GB82WEST12345698765432",
                Shape::Iban,
                "GB82WEST12345698765432",
            ),
            (
                "call +44 20 7946 0958 now",
                Shape::Phone,
                "+44 20 7946 0958",
            ),
            ("call (555) 123-4567", Shape::Phone, "(555) 123-4567"),
            (
                "AKIAIOSFODNN7EXAMPLE",
                Shape::Secret,
                "AKIAIOSFODNN7EXAMPLE",
            ),
            (
                "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln",
                Shape::Secret,
                "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln",
            ),
            ("of PROJECT X, then", Shape::Word, "PROJECT X"),
            ("die GRÖSSE oder Größe", Shape::Word, "Größe"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nx",
                Shape::Secret,
                "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
            ),
        ] {
            assert_eq!(found(text), [(shape, what)], "{text}");
        }
    }

    #[test]
    fn leaves_alone_what_only_looks_like_it() {
        for text in [
            "4111 1111 1111 1112",
            "GB82WEST12345698765433",
            "a@b",
            "user@localhost",
            "5551234567 parts",
            "2026-11-21 20:36:24",
            "sk-something-that-is-a-word-and-long",
            "eyJ.eyJ",
            "subproject xx",
            "-----BEGIN CERTIFICATE-----\nabc",
            "+12",
            "0000 0000 0000 0000",
            "1.2.3.4.5.6.7.8",
            "",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
