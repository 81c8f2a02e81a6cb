//! The command `libllm`.
#![forbid(unsafe_code)]

mod arguments;
mod explain;
mod mock;
mod models;
mod providers;
mod simulate;

use std::io::Write;
use std::process::ExitCode;

use arguments::{Arguments, Usage};
use libllm_proto::provider::closest;

fn main() -> ExitCode {
    let result = run(Arguments::of_process());
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed::Usage(usage)) => {
            complain(&format!("libllm: {usage}\n"));
            ExitCode::from(2)
        }
        Err(Failed::Run(message)) => {
            complain(&format!("libllm: {message}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: Arguments) -> Result<(), Failed> {
    let command = arguments.word()?;
    match command.as_deref() {
        Some("mock") => match mock::Options::parse(arguments)? {
            Some(options) => mock::run(options).map_err(Failed::Run),
            None => say(mock::HELP),
        },
        Some("providers") => match providers::Options::parse(arguments)? {
            Some(options) => say(&providers::listing(&options)),
            None => say(providers::HELP),
        },
        Some("models") => match models::Options::parse(arguments)? {
            Some(options) => say(&models::listing(&options).map_err(Failed::Run)?),
            None => say(models::HELP),
        },
        Some("simulate") => match simulate::Options::parse(arguments)? {
            Some(options) => say(&simulate::report(&options).map_err(Failed::Run)?),
            None => say(simulate::HELP),
        },
        Some("explain") => match explain::Options::parse(arguments)? {
            Some(options) => say(&explain::report(&options).map_err(Failed::Run)?),
            None => say(explain::HELP),
        },
        Some("help" | "--help" | "-h") => say(HELP),
        Some("--version" | "-V") => say(concat!("libllm ", env!("CARGO_PKG_VERSION"), "\n")),
        Some(other) => {
            let near = closest(other, COMMANDS.iter().copied(), 1).join("");
            let message = format!("unknown command `{other}`; closest: {near} (see libllm --help)");
            Err(Usage(message).into())
        }
        None => Err(Usage(format!("expected a command\n\n{HELP}")).into()),
    }
}

/// Why the command ends with an error: called wrongly (exit status 2) or failed (1).
enum Failed {
    Usage(Usage),
    Run(String),
}

impl From<Usage> for Failed {
    fn from(usage: Usage) -> Failed {
        Failed::Usage(usage)
    }
}

fn say(text: &str) -> Result<(), Failed> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failed::Run(format!("standard output: {error}")))
}

/// Best effort: where standard error is closed there is nobody to tell.
fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

const COMMANDS: &[&str] = &["mock", "providers", "models", "simulate", "explain", "help"];

const HELP: &str = "\
usage: libllm COMMAND [OPTIONS]

commands:
  mock       serve a scripted provider on loopback, for tests
  providers  list the services this build knows
  models     list the models of its catalog, with windows and prices
  simulate   run a scenario of made-up targets through the real policies
  explain    say who a request would go to, and why, without sending it
  help       this text

libllm COMMAND --help tells a command's options.
";
