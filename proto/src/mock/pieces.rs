//! An answer cut into tokens, one at a time: reasoning words, then words of text, then the parts of tool calls.

use std::borrow::Cow;
use std::sync::Arc;

use super::script::{Said, Script, Tool};

/// What one token of an answer carries.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'a> {
    Reasoning(Cow<'a, str>),
    Text(Cow<'a, str>),
    Refusal(&'a str),
    /// A call's name, before any of its arguments.
    Tool(usize, &'a Tool),
    Arguments(usize, &'a str),
}

/// Where in the answer the next token is.
#[derive(Debug)]
pub(super) struct Pieces {
    script: Arc<Script>,
    /// What `echo` repeats.
    echo: Box<str>,
    reasoned: u32,
    spoken: Spoken,
    tool: usize,
    /// `None`: the call's name is next.
    argument: Option<usize>,
}

#[derive(Debug)]
enum Spoken {
    Words(u32, u32),
    /// Byte position in the text.
    Text(usize),
}

impl Pieces {
    pub(super) fn new(script: Arc<Script>, last_user_text: &str) -> Pieces {
        let echo = match script.said {
            Said::Echo => last_user_text,
            _ => "",
        };
        Pieces {
            echo: echo.into(),
            reasoned: 0,
            spoken: match script.said {
                Said::Tokens(count) => Spoken::Words(0, count),
                _ => Spoken::Text(0),
            },
            tool: 0,
            argument: None,
            script,
        }
    }

    /// The next token, or `None` after the last.
    pub(super) fn next(&mut self) -> Option<Piece<'_>> {
        if self.reasoned < self.script.reasoning {
            self.reasoned += 1;
            return Some(Piece::Reasoning(word('r', self.reasoned - 1)));
        }
        if let Spoken::Words(next, count) = &mut self.spoken
            && *next < *count
        {
            *next += 1;
            return Some(Piece::Text(word('w', *next - 1)));
        }
        if let Spoken::Text(at) = self.spoken {
            let rest = &self.said().0[at..];
            if !rest.is_empty() {
                let end = at + first_word(rest);
                self.spoken = Spoken::Text(end);
                let (text, refused) = self.said();
                return Some(match refused {
                    true => Piece::Refusal(&text[at..end]),
                    false => Piece::Text(Cow::Borrowed(&text[at..end])),
                });
            }
        }
        self.next_of_tools()
    }

    /// Tokens of a whole answer.
    pub(super) fn count(&self) -> u32 {
        let said = match self.script.said {
            Said::Tokens(count) => count,
            _ => words(self.said().0),
        };
        let tools = self
            .script
            .tools
            .iter()
            .map(|tool| 1 + argument_pieces(&tool.arguments));
        (self.script.reasoning.saturating_add(said)).saturating_add(tools.sum())
    }

    /// All of it as one text.
    pub(super) fn joined(mut self) -> String {
        let mut all = String::new();
        while let Some(piece) = self.next() {
            match piece {
                Piece::Reasoning(text) | Piece::Text(text) => all.push_str(&text),
                Piece::Refusal(text) | Piece::Arguments(_, text) => all.push_str(text),
                Piece::Tool(..) => {}
            }
        }
        all
    }

    /// The text to be said, and whether it is a refusal.
    fn said(&self) -> (&str, bool) {
        match &self.script.said {
            Said::Echo => (&self.echo, false),
            Said::Text(text) => (text, false),
            Said::Refusal(text) => (text, true),
            Said::Tokens(_) | Said::Nothing => ("", false),
        }
    }

    fn next_of_tools(&mut self) -> Option<Piece<'_>> {
        loop {
            let tool = self.script.tools.get(self.tool)?;
            let Some(at) = self.argument else {
                self.argument = Some(0);
                return Some(Piece::Tool(self.tool, tool));
            };
            let rest = &tool.arguments[at..];
            if rest.is_empty() {
                self.tool += 1;
                self.argument = None;
                continue;
            }
            let length = rest.floor_char_boundary(ARGUMENT_PIECE);
            self.argument = Some(at + length);
            return Some(Piece::Arguments(self.tool, &rest[..length]));
        }
    }
}

/// `w0`, ` w1`, ` w2`: joined they read `w0 w1 w2`.
fn word(letter: char, number: u32) -> Cow<'static, str> {
    Cow::Owned(match number {
        0 => format!("{letter}0"),
        _ => format!(" {letter}{number}"),
    })
}

/// Bytes of the first word with the space before it, as tokenizers cut; trailing space goes to the last word.
fn first_word(text: &str) -> usize {
    let start = text
        .find(|c: char| !c.is_whitespace())
        .unwrap_or(text.len());
    let end = text[start..]
        .find(char::is_whitespace)
        .map_or(text.len(), |length| start + length);
    match text[end..].trim_start().is_empty() {
        true => text.len(),
        false => end,
    }
}

/// Tokens of a text; also what its tokens are counted as in usage.
pub(super) fn words(mut text: &str) -> u32 {
    let mut count: u32 = 0;
    while !text.is_empty() {
        text = &text[first_word(text)..];
        count = count.saturating_add(1);
    }
    count
}

fn argument_pieces(mut text: &str) -> u32 {
    let mut count = 0;
    while !text.is_empty() {
        text = &text[text.floor_char_boundary(ARGUMENT_PIECE)..];
        count += 1;
    }
    count
}

/// Bytes of arguments in one token; a character has at most 4.
const ARGUMENT_PIECE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(script: &str, user: &str) -> Vec<String> {
        let script = Arc::new(Script::parse(script).unwrap());
        let mut pieces = Pieces::new(script, user);
        let count = pieces.count();
        let mut all = Vec::new();
        while let Some(piece) = pieces.next() {
            all.push(match piece {
                Piece::Reasoning(text) => format!("R{text}"),
                Piece::Text(text) => format!("T{text}"),
                Piece::Refusal(text) => format!("F{text}"),
                Piece::Tool(index, tool) => format!("C{index}{}", tool.name),
                Piece::Arguments(index, text) => format!("A{index}{text}"),
            });
        }
        assert_eq!(all.len(), count as usize);
        all
    }

    #[test]
    fn words_keep_every_space() {
        assert_eq!(joined("echo", " a  b\n c \n"), ["T a", "T  b", "T\n c \n"]);
        assert_eq!(joined("echo", ""), [""; 0]);
        assert_eq!(joined("echo", "  "), ["T  "]);
        assert_eq!(joined("text=x%20y", "ignored"), ["Tx", "T y"]);
        assert_eq!(joined("refusal=No way", ""), ["FNo", "F way"]);
    }

    #[test]
    fn reasoning_comes_first_and_tools_last() {
        assert_eq!(
            joined(r#"tokens=2;tool=f:{"k":"värde"};reasoning=2;tool=g"#, ""),
            [
                "Rr0",
                "R r1",
                "Tw0",
                "T w1",
                "C0f",
                r#"A0{"k":"v"#,
                r#"A0ärde"}"#,
                "C1g",
                "A1{}"
            ]
        );
    }
}
