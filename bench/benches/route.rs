//! Who is asked: one choice among many targets by each strategy, figures of the targets read as a real request reads them.
//!
//! `route/STRATEGY/N`: N targets, all of them well. Bars are of this thread's CPU time, medians of 31 turns: a busy machine makes it
//! wait, which is not counted.
#![allow(clippy::print_stdout, reason = "figures are what this program is for")]
#![allow(missing_docs, reason = "no one links a benchmark")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use libllm::config::Strategy;
use libllm::simulate::Choice;
use nix::time::{ClockId, clock_gettime};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("route");
    for (targets, _) in BARS {
        let mut choice = Choice::new(*targets);
        for (word, strategy) in Strategy::ALL {
            let id = BenchmarkId::new(*word, targets);
            group.bench_function(id, |bench| bench.iter(|| choice.pick(black_box(*strategy))));
        }
    }
    group.finish();
    criterion.final_summary();
    // `--test` runs each benchmark once and `--list` none: figures would mean nothing.
    if std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        return;
    }
    let mut met = true;
    for (targets, bar) in BARS {
        let mut choice = Choice::new(*targets);
        for (word, strategy) in Strategy::ALL {
            met &= is_met(&mut choice, word, *strategy, *targets, *bar);
        }
    }
    if !met && std::env::var_os("BENCH_CHECK").is_some() {
        std::process::exit(1);
    }
}

fn is_met(choice: &mut Choice, word: &str, strategy: Strategy, targets: usize, bar: f64) -> bool {
    let mut times: Vec<f64> = (0..TURNS)
        .map(|_| {
            let started = cpu_ns();
            for _ in 0..PICKS {
                black_box(choice.pick(black_box(strategy)));
            }
            (cpu_ns() - started) / f64::from(PICKS)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let met = median <= bar;
    let word_of_it = if met { "met" } else { "MISSED" };
    println!("{word} among {targets}: {median:.0} ns, at most {bar:.0}: {word_of_it}");
    met
}

fn cpu_ns() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock");
    std::time::Duration::from(time).as_secs_f64() * 1e9
}

/// So many targets, and how many nanoseconds a choice among them may take.
const BARS: &[(usize, f64)] = &[(32, 200.0), (1_000, 2_000.0)];
const TURNS: usize = 31;
const PICKS: u32 = 2_000;
