//! A scripted provider: what a `mock/SCRIPT` model answers, as steps with times and without sockets.
//!
//! A [`Script`] says what the answer holds and what goes wrong with it, an [`Ask`] is what the caller's request said, and
//! [`answer`] joins the two into a [`Reply`]: a head, and a [`Body`] that yields [`Step`]s one by one, so that thousands of
//! slow streams hold no answer in memory. Whoever plays the steps owns the clock and the transport: `libllm mock` plays
//! them over real HTTP, the in-process transport plays them into the decoder.
//!
//! ```
//! use libllm_proto::mock::{Ask, Dialect, Scripts, Step, Turn, answer};
//!
//! let body = br#"{"model":"tokens=2;pace=5ms","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
//! let ask = Ask::parse(Dialect::OpenaiChat, body).unwrap();
//! let script = Scripts::default().find(&ask.model).unwrap();
//! let reply = answer(&script, &ask, Turn { number: 1, attempt: 1, created: 1_700_000_000 });
//! assert_eq!(reply.status, 200);
//! let waits = reply.body.filter(|step| matches!(step, Step::Until(_))).count();
//! assert_eq!(waits, 1); // the first token is due at once, the second after 5 ms
//! ```

mod answer;
mod anthropic;
mod ask;
mod body;
mod fault;
mod openai;
mod pieces;
mod script;
mod scripts;
mod stream;
mod unary;
mod value;

pub use answer::{Reply, Turn, answer, refuse};
pub use ask::{Ask, AskError};
pub use body::{Body, Cut, Step};
pub use fault::Kind;
pub use script::{Script, ScriptError};
pub use scripts::Scripts;

/// The format in which the caller asked and is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's Chat Completions.
    OpenaiChat,
    /// Anthropic's Messages.
    Anthropic,
}

impl Dialect {
    /// The dialect a URL path speaks, under any prefix: `/v1/chat/completions`, `/v1/messages`.
    pub fn of_path(path: &str) -> Option<Dialect> {
        if path.ends_with("/chat/completions") {
            Some(Dialect::OpenaiChat)
        } else if path.ends_with("/messages") {
            Some(Dialect::Anthropic)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
