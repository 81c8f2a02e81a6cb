//! `libllm explain`: who would be asked, in which order and why. Nothing is sent.

use libllm::{Client, Options as Asked};
use serde_json::{Value, json};

use crate::arguments::{Arguments, Usage};

pub(crate) const HELP: &str = "\
usage: libllm explain REQUEST.json | -m MODEL [--config FILE] [--json]

Says who a request would go to, in which order and why, and sends nothing. See docs/operations.md, \"explain\".

  -m MODEL       a question to this model, in the place of a request
  --config FILE  the configuration; without it, what the environment says
  --json         the whole answer, with what is known of each target
";

/// What to explain, and how.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    request: Request,
    config: Option<String>,
    json: bool,
}

#[derive(Debug, PartialEq)]
enum Request {
    File(String),
    Model(String),
}

impl Options {
    /// Reads the command's words; `None` asks for help.
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Option<Options>, Usage> {
        let (mut request, mut config, mut json) = (None, None, false);
        while let Some(word) = arguments.word()? {
            let given = match word.as_str() {
                "--json" => {
                    json = true;
                    continue;
                }
                "--config" => {
                    config = Some(arguments.value("--config", "a file")?);
                    continue;
                }
                "--help" | "-h" => return Ok(None),
                "-m" => Request::Model(arguments.value("-m", "a model")?),
                option if option.starts_with('-') => {
                    let message = format!("unknown option `{option}` (see libllm explain --help)");
                    return Err(Usage(message));
                }
                _ => Request::File(word),
            };
            if request.replace(given).is_some() {
                return Err(Usage("expected one request".to_owned()));
            }
        }
        let request =
            request.ok_or_else(|| Usage("expected a request's file, or -m MODEL".to_owned()))?;
        Ok(Some(Options {
            request,
            config,
            json,
        }))
    }
}

/// The route, as a table or as JSON.
pub(crate) fn report(options: &Options) -> Result<String, String> {
    let body = match &options.request {
        Request::File(path) => std::fs::read(path).map_err(|error| format!("{path}: {error}"))?,
        Request::Model(model) => {
            let messages = json!([{ "role": "user", "content": "" }]);
            json!({ "model": model, "messages": messages })
                .to_string()
                .into_bytes()
        }
    };
    let config = match &options.config {
        Some(path) => format!("@{path}"),
        None => "{}".to_owned(),
    };
    let asked = Asked {
        operation: Some("explain".to_owned()),
        ..Asked::default()
    };
    let client = Client::new(&config).map_err(|error| error.to_string())?;
    let answer = client.complete_json(&body, &asked);
    let answer = answer.map_err(|error| error.to_string())?;
    let mut route: Value =
        serde_json::from_str(answer.json()).map_err(|error| error.to_string())?;
    if let Some(route) = route.as_object_mut() {
        // What a request took that was none.
        route.remove("libllm");
    }
    match options.json {
        true => Ok(format!("{route:#}\n")),
        false => Ok(table(&route)),
    }
}

fn table(route: &Value) -> String {
    let mut out = String::new();
    if let Some(rule) = route["rule"].as_u64() {
        out.push_str(&format!("rules[{rule}]\n"));
    }
    if let Some(branch) = route["branch"].as_str() {
        out.push_str(&format!("split: {branch}\n"));
    }
    let head = [
        "TARGET", "STRATEGY", "BECAUSE", "AFTER", "$ IN", "$ OUT", "MICROUSD",
    ];
    let candidates = route["candidates"].as_array().into_iter().flatten();
    let lines: Vec<[String; 7]> = std::iter::once(head.map(String::from))
        .chain(candidates.map(cells))
        .collect();
    for line in &lines {
        let padded: Vec<String> = line
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                let width = lines.iter().map(|line| line[column].len()).max();
                format!("{cell:0$}", width.unwrap_or_default())
            })
            .collect();
        out.push_str(padded.join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn cells(candidate: &Value) -> [String; 7] {
    let said = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let price = &candidate["price"];
    [
        said(&candidate["target"]),
        said(&candidate["strategy"]),
        said(&candidate["because"]),
        said(&candidate["after"]),
        said(&price["input"]),
        said(&price["output"]),
        said(&candidate["cost_microusd"]),
    ]
}
