//! The options of `libllm mock`.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::arguments::{Arguments, Usage};

/// How to serve.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) scripts: Option<PathBuf>,
    pub(crate) tls: Option<Tls>,
}

/// Where the server's certificate comes from.
#[derive(Debug, PartialEq)]
pub(crate) enum Tls {
    /// PEM files of the certificate chain and its key.
    Files(PathBuf, PathBuf),
    /// A new authority, whose certificate is written into this folder.
    TestAuthority(PathBuf),
}

impl Options {
    /// Reads the options; `None` where help was asked for.
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Option<Options>, Usage> {
        let mut options = Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            scripts: None,
            tls: None,
        };
        let mut remote = false;
        while let Some(option) = arguments.option(OPTIONS)? {
            match option {
                "--listen" => {
                    let text = arguments.value(option, "an address such as 127.0.0.1:8080")?;
                    options.listen = text.parse().map_err(|_| {
                        let expected = "expected an address such as 127.0.0.1:8080";
                        Usage(format!("--listen: {expected}, found `{text}`"))
                    })?;
                }
                "--scripts" => {
                    options.scripts = Some(arguments.value(option, "a TOML file")?.into());
                }
                "--tls" => {
                    let chain = arguments.value(option, "a certificate file and a key file")?;
                    let key = arguments.value(option, "a key file after the certificate")?;
                    options.tls = Some(Tls::Files(chain.into(), key.into()));
                }
                "--tls-test-ca" => {
                    let folder = arguments.value(option, "a folder for ca.pem")?;
                    options.tls = Some(Tls::TestAuthority(folder.into()));
                }
                "--allow-remote" => remote = true,
                _ => return Ok(None),
            }
        }
        if !remote && !options.listen.ip().is_loopback() {
            return Err(Usage(format!(
                "--listen: {} is reachable from other machines and the mock asks for no key; add --allow-remote to mean it",
                options.listen
            )));
        }
        Ok(Some(options))
    }
}

const OPTIONS: &[&str] = &[
    "--listen",
    "--scripts",
    "--tls",
    "--tls-test-ca",
    "--allow-remote",
    "--help",
    "-h",
];

/// What `libllm mock --help` prints.
pub(crate) const HELP: &str = "\
usage: libllm mock [OPTIONS]

Serves a scripted provider. The model's name is the script of the answer:
  {\"model\":\"tokens=64;ttft=20ms;pace=5ms\",\"stream\":true,\"messages\":[..]}
The first line on standard output is `listening on http://ADDRESS`.

options:
  --listen ADDRESS    address to serve (default 127.0.0.1:0, port 0: any free one)
  --scripts FILE      named scripts, a TOML file of lines `name = \"script\"`; asked for as @name
  --tls CERT KEY      serve TLS with these PEM files
  --tls-test-ca DIR   serve TLS with a certificate of a new authority, written to DIR/ca.pem
  --allow-remote      permit an address that other machines can reach

paths:
  POST */chat/completions      OpenAI's Chat Completions
  POST */responses             OpenAI's Responses
  POST */completions           OpenAI's legacy completions
  POST */messages              Anthropic's Messages
  POST */v2/chat, */v1/chat    Cohere's chat
  POST */api/chat, */api/generate                   Ollama's own
  POST *:generateContent, *:streamGenerateContent   Gemini's; the path names the model
  POST */converse, */converse-stream                Bedrock's; the path names the model
  POST */embeddings, */rerank, */moderations, */images/generations, */audio/speech, */audio/transcriptions
  POST */v2/embed, */v1/embed, */v2/rerank, */api/embed, *:embedContent, *:batchEmbedContents, *:predict
  POST */messages/count_tokens, *:countTokens, */responses/input_tokens, */tokenize
  GET  */models, */api/tags    echo and the named scripts
  GET, DELETE /stats           counts of requests, streams and closes; DELETE starts them anew

scripts: echo, @name, or key=value joined by `;`, values percent-encoded:
  answer    text=.. tokens=N refusal=.. reasoning=N tool=name:{json} n=N usage=none finish=WORD
  time      ttft=20ms pace=5ms jitter=2ms keepalive=1s chunk=BYTES
  refusal   status=429 retry_after=1|20ms body=json|html|empty error=KIND
  faults    error=KIND cut=fin|rst|chunk stall=5s garbage, each with at=N (tokens) or at=head
  which     times=N (the first N requests of an x-mock-key) or rate=0.1 (of all requests)
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Option<Options>, String> {
        Options::parse(Arguments::of(words)).map_err(|usage| usage.to_string())
    }

    #[test]
    fn options_are_read_in_both_spellings() {
        let options = parse(&[
            "--listen=[::1]:80",
            "--scripts",
            "a.toml",
            "--tls",
            "c",
            "k",
        ]);
        let expected = Options {
            listen: "[::1]:80".parse().unwrap(),
            scripts: Some("a.toml".into()),
            tls: Some(Tls::Files("c".into(), "k".into())),
        };
        assert_eq!(options, Ok(Some(expected)));
        assert_eq!(parse(&["--help"]), Ok(None));
        assert!(parse(&[]).unwrap().unwrap().listen.ip().is_loopback());
    }

    #[test]
    fn other_machines_are_let_in_on_purpose_only() {
        let refused = parse(&["--listen", "0.0.0.0:0"]).unwrap_err();
        assert!(refused.contains("--allow-remote"), "{refused}");
        assert!(parse(&["--listen", "0.0.0.0:0", "--allow-remote"]).is_ok());
    }

    #[test]
    fn wrong_options_say_what_was_expected() {
        assert_eq!(
            parse(&["--lisen"]).unwrap_err(),
            "unknown option `--lisen`; closest: --listen"
        );
        assert!(
            parse(&["--listen", "here"])
                .unwrap_err()
                .contains("found `here`")
        );
        assert!(parse(&["--tls", "c"]).unwrap_err().contains("key file"));
    }
}
