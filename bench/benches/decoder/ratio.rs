//! Two ways of doing the same, timed in turns: the ratio of the medians of their CPU time, which other load moves least.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Times `ours` and `theirs` in turns, `per` things each; prints both and the ratio; whether it is at most `bar`.
pub(crate) fn compare(
    what: &str,
    per: u32,
    bar: f64,
    mut ours: impl FnMut() -> Duration,
    mut theirs: impl FnMut() -> Duration,
) -> bool {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for turn in 0..=TURNS {
        let times = (ours(), theirs());
        // The first turn finds cold caches.
        if turn > 0 {
            left.push(times.0);
            right.push(times.1);
        }
    }
    let (left, right) = (median(left), median(right));
    let ratio = left.as_secs_f64() / right.as_secs_f64();
    let met = ratio <= bar;
    let nanos = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(per);
    println!(
        "{what}: {:.1} against {:.1} ns, ratio {ratio:.3}, at most {bar}: {}",
        nanos(left),
        nanos(right),
        if met { "met" } else { "MISSED" }
    );
    met
}

/// What `work` costs this thread; a busy machine makes it wait, which is not counted.
pub(crate) fn cpu_of(work: impl FnOnce()) -> Duration {
    let started = cpu();
    work();
    cpu() - started
}

fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .expect("Linux has this clock")
        .into()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

const TURNS: usize = 31;
