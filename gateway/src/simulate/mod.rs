//! `libllm simulate`: a scenario of made-up targets and requests through the real policies, as tables and a picture.

use std::fmt::Write;
use std::time::{Duration, Instant};

use libllm::simulate::{Outcome, Scenario, run};

use crate::arguments::{Arguments, Usage};

mod picture;

pub(crate) const HELP: &str = "\
usage: libllm simulate SCENARIO.toml [--scale PART] [--svg FILE]

Runs the scenario's requests against its made-up targets under a clock of its own, once for each of its [[runs]], and prints what
each came to. Targets, weather and chance are made up; routing, breakers, retries, budgets and hedges are the library's own.
One seed gives one outcome. Scenarios: examples/simulate.

  --scale PART  this part of the scenario's time, such as 0.1
  --svg FILE    also a picture
";

/// What to run.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    scenario: String,
    scale: f64,
    svg: Option<String>,
}

impl Options {
    /// Reads the command's options; `None` asks for help.
    pub(crate) fn parse(mut arguments: Arguments) -> Result<Option<Options>, Usage> {
        let missing = || Usage("simulate: expected a scenario's file".to_owned());
        let scenario = arguments.word()?.ok_or_else(missing)?;
        if matches!(scenario.as_str(), "--help" | "-h") {
            return Ok(None);
        }
        let mut options = Options {
            scenario,
            scale: 1.0,
            svg: None,
        };
        while let Some(option) = arguments.option(&["--scale", "--svg", "--help", "-h"])? {
            match option {
                "--scale" => {
                    let value = arguments.value(option, "a number above 0")?;
                    let scale = value.parse().ok().filter(|scale| *scale > 0.0);
                    options.scale = scale.ok_or_else(|| {
                        Usage(format!("--scale: expected a number above 0, got {value}"))
                    })?;
                }
                "--svg" => options.svg = Some(arguments.value(option, "a file")?),
                _ => return Ok(None),
            }
        }
        Ok(Some(options))
    }
}

/// Runs a scenario; its tables.
pub(crate) fn report(options: &Options) -> Result<String, String> {
    let path = &options.scenario;
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let scenario = Scenario::parse(&text).map_err(|error| format!("{path}: {error}"))?;
    let begun = Instant::now();
    let runs = scenario.runs.iter();
    let outcomes: Vec<Outcome> = runs.map(|way| run(&scenario, way, options.scale)).collect();
    if let Some(file) = &options.svg {
        let picture = picture::draw(&scenario.title, &outcomes);
        std::fs::write(file, picture).map_err(|error| format!("{file}: {error}"))?;
    }
    let mut out = tables(&scenario.title, &outcomes);
    let requests: u64 = outcomes.iter().map(|outcome| outcome.requests).sum();
    let took = begun.elapsed().as_secs_f64();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "\n{requests} requests simulated in {took:.1} s");
    Ok(out)
}

fn tables(title: &str, outcomes: &[Outcome]) -> String {
    let head = [
        "run",
        "requests",
        "errors",
        "ttft p50",
        "p95",
        "p99",
        "total p50",
        "p99",
        "attempts",
        "hedges",
        "$/1000",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(outcomes.iter().map(figures));
    let mut out = format!("{title}\n\n{}", aligned(&lines));
    let Some(first) = outcomes.first() else {
        return out;
    };
    let mut lines = vec![vec!["share of attempts".to_owned()]];
    lines[0].extend(first.shares.iter().map(|share| share.name.clone()));
    for outcome in outcomes {
        let mut line = vec![outcome.name.clone()];
        let all = outcome.attempts.max(1) as f64;
        let shares = outcome.shares.iter();
        line.extend(shares.map(|share| percent(share.attempts as f64 / all)));
        lines.push(line);
    }
    let _ = write!(out, "\n{}", aligned(&lines));
    out
}

fn figures(outcome: &Outcome) -> Vec<String> {
    let requests = outcome.requests.max(1) as f64;
    vec![
        outcome.name.clone(),
        outcome.requests.to_string(),
        percent(outcome.error_rate()),
        time(outcome.first(0.5)),
        time(outcome.first(0.95)),
        time(outcome.first(0.99)),
        time(outcome.total(0.5)),
        time(outcome.total(0.99)),
        format!("{:.3}", outcome.attempts as f64 / requests),
        percent(outcome.hedges as f64 / requests),
        format!("{:.3}", outcome.microusd_each() / 1000.0),
    ]
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1000.0),
        seconds => format!("{seconds:.2} s"),
    }
}

/// The first column to the left, the others to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for line in lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(out, "{cell:<width$}"),
                _ => write!(out, "  {cell:>width$}"),
            };
        }
        out.push('\n');
    }
    out
}
