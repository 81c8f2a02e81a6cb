//! Choices under a made-up clock: shares, never times.

use std::time::{Duration, Instant};

use super::*;
use crate::policy::pace::Peak;
use crate::policy::view::{Gate, Quota};

const ASK: Ask = Ask {
    input: 100.0,
    output: 100.0,
    cost_weight: 1.0,
    turn: 0,
};

fn picked(strategy: Strategy, sides: &[Side], views: &[View], ask: &Ask, chance: u64) -> usize {
    let field = Field {
        sides,
        figures: |index: usize| views[index],
        open: |_| true,
        now: Instant::now(),
    };
    field.pick(strategy, ask, chance).unwrap()
}

/// How often each of them is chosen in a thousand choices.
fn shares(strategy: Strategy, sides: &[Side], views: &[View]) -> Vec<u32> {
    let mut counts = vec![0; views.len()];
    for turn in 0..1_000 {
        let ask = Ask { turn, ..ASK };
        counts[picked(strategy, sides, views, &ask, turn * 7_919)] += 1;
    }
    counts
}

fn quick(ms: u64) -> View {
    View {
        ttft: Some(Duration::from_millis(ms)),
        samples: 1,
        ..View::NEW
    }
}

#[test]
fn each_strategy_finds_what_it_is_for() {
    let two = [Side::PLAIN; 2];
    let priced = [(1.0, 9.0), (4.0, 1.0)].map(|(input, output)| Side {
        price: Some(Rate { input, output }),
        ..Side::PLAIN
    });
    let left = |remaining| View {
        tokens: Some(Quota {
            limit: 100,
            remaining,
        }),
        ..View::NEW
    };
    let busy = |in_flight| View {
        in_flight,
        ..View::NEW
    };
    let speedy = |speed| View {
        tokens_per_s: Some(speed),
        ..View::NEW
    };
    for (strategy, sides, views, expected) in [
        (Strategy::Order, &two, [View::NEW, View::NEW], [1_000, 0]),
        (
            Strategy::RoundRobin,
            &two,
            [View::NEW, View::NEW],
            [500, 500],
        ),
        (
            Strategy::Latency,
            &two,
            [quick(200), quick(100)],
            [0, 1_000],
        ),
        (
            Strategy::Throughput,
            &two,
            [speedy(10.0), speedy(90.0)],
            [0, 1_000],
        ),
        (Strategy::Cost, &priced, [View::NEW, View::NEW], [0, 1_000]),
        (Strategy::LeastBusy, &two, [busy(3), busy(2)], [0, 1_000]),
        (Strategy::Headroom, &two, [left(20), left(80)], [0, 1_000]),
        (
            Strategy::Score,
            &priced,
            [quick(300), quick(200)],
            [0, 1_000],
        ),
        (
            Strategy::Score,
            &priced,
            [quick(100), quick(2_000)],
            [1_000, 0],
        ),
    ] {
        assert_eq!(shares(strategy, sides, &views), expected, "{strategy:?}");
    }
    let heavy = [9.0, 1.0].map(|weight| Side {
        weight,
        ..Side::PLAIN
    });
    let found = shares(Strategy::Weighted, &heavy, &[View::NEW; 2]);
    assert!(found[1].abs_diff(100) < 40, "{found:?}");
}

#[test]
fn whoever_is_ill_is_left_out_and_probed_in_its_turn() {
    let now = Instant::now();
    let ill = View {
        gate: Gate::Open {
            until: now + Duration::from_secs(60),
        },
        ..View::NEW
    };
    let probed = View {
        gate: Gate::HalfOpen { busy: false },
        ..View::NEW
    };
    let mut sides = [Side::PLAIN; 3];
    sides[2].priority = 1;
    for (_, strategy) in Strategy::ALL {
        let found = shares(*strategy, &sides, &[ill, View::NEW, View::NEW]);
        assert_eq!(found, [0, 1_000, 0], "{strategy:?}");
        let found = shares(*strategy, &sides, &[ill, ill, View::NEW]);
        assert_eq!(found, [0, 0, 1_000], "{strategy:?}");
        let found = shares(*strategy, &sides, &[ill; 3]);
        assert_eq!(found[2], 0, "all are ill, so all are asked: {strategy:?}");
        let found = shares(*strategy, &sides, &[probed, View::NEW, View::NEW]);
        assert!(found[0] >= 100, "{strategy:?} {found:?}");
    }
}

/// Targets whose answers take so long, or that fail at once; requests come one after the other.
struct World {
    now: Instant,
    peaks: Vec<Peak>,
    chance: u64,
}

impl World {
    fn new(targets: usize) -> World {
        let now = Instant::now();
        World {
            now,
            peaks: (0..targets).map(|_| Peak::new(now)).collect(),
            chance: 0,
        }
    }

    /// Asks so often, ten a second; `took` says what a target takes, `None` that it fails in a millisecond. Returns what each got.
    fn asked(&mut self, times: u32, took: impl Fn(usize) -> Option<u64>) -> Vec<u32> {
        let sides = vec![Side::PLAIN; self.peaks.len()];
        let mut counts = vec![0; self.peaks.len()];
        for _ in 0..times {
            self.chance = self.chance.wrapping_add(0x1234_5678_9abc_def1);
            let field = Field {
                sides: &sides,
                figures: |index: usize| View {
                    ttft: self.peaks[index].now(self.now),
                    ..View::NEW
                },
                open: |_| true,
                now: self.now,
            };
            let found = field.pick(Strategy::Latency, &ASK, self.chance).unwrap();
            counts[found] += 1;
            self.now += Duration::from_millis(100);
            match took(found) {
                Some(ms) => self.peaks[found].observe(Duration::from_millis(ms), self.now),
                None => self.peaks[found].failed(Duration::from_millis(1), self.now),
            }
        }
        counts
    }
}

#[test]
fn what_fails_at_once_is_no_black_hole() {
    let mut world = World::new(4);
    let took = |target| (target > 0).then_some(100);
    world.asked(50, took);
    let found = world.asked(1_000, took);
    assert!(found[0] < 20, "{found:?}");
}

#[test]
fn what_becomes_slow_loses_its_share_and_regains_it() {
    let mut world = World::new(4);
    let same = |target: usize| Some(100 + target as u64);
    let before = world.asked(400, same)[0];
    let slow = |target: usize| Some(if target == 0 { 1_000 } else { 100 });
    // Five seconds.
    world.asked(50, slow);
    let during = world.asked(400, slow)[0];
    assert!(before >= 50 && during * 5 <= before, "{before} {during}");
    // It is not asked while it is slow, so that it is found well again by and by: nobody restarts anything.
    world.asked(2_000, same);
    let after = world.asked(400, same)[0];
    assert!(after * 2 >= before, "{before} {after}");
}

#[test]
fn of_many_it_is_the_same() {
    let sides = vec![Side::PLAIN; 1_000];
    let mut views = vec![quick(100); 1_000];
    views[7] = quick(10_000);
    for (_, strategy) in Strategy::ALL {
        let found = shares(*strategy, &sides, &views);
        assert_eq!(found.iter().sum::<u32>(), 1_000, "{strategy:?}");
    }
    assert_eq!(shares(Strategy::Latency, &sides, &views)[7], 0);
}

#[test]
fn a_draw_comes_round_to_each_and_never_to_one_twice() {
    let mut dice = Dice(7);
    for len in 1..200 {
        for _ in 0..20 {
            let step = step(&mut dice, len);
            let places: std::collections::HashSet<usize> =
                (0..len).map(|drawn| drawn * step % len).collect();
            assert_eq!(places.len(), len, "{step} of {len}");
        }
    }
}

/// The best of ten is among eight of them as often as chance says, whichever it is.
#[test]
fn each_is_drawn_as_often_as_any_other() {
    let sides = [Side::PLAIN; 10];
    for best in 0..10 {
        let mut views = [quick(100); 10];
        views.iter_mut().for_each(|view| view.in_flight = 5);
        views[best].in_flight = 0;
        let found = shares(Strategy::LeastBusy, &sides, &views)[best];
        assert!(found.abs_diff(800) < 60, "{best}: {found}");
    }
}
