//! What the scenarios of `examples/simulate` show, on a part of their time. Virtual time and one seed: the same each time.

use super::*;

fn runs(text: &str, scale: f64) -> Vec<Outcome> {
    let scenario = Scenario::parse(text).unwrap();
    let each = scenario.runs.iter();
    each.map(|way| run(&scenario, way, scale)).collect()
}

macro_rules! example {
    ($name:literal) => {
        include_str!(concat!("../../../examples/simulate/", $name, ".toml"))
    };
}

#[test]
fn cost_saves_three_tenths_against_round_robin_at_an_equal_error_rate() {
    let all = runs(example!("mixed"), 0.25);
    let (robin, cost) = (&all[0], &all[1]);
    assert!(robin.requests > 5_000, "{}", robin.requests);
    let saved = 1.0 - cost.microusd_each() / robin.microusd_each();
    assert!(saved >= 0.3, "{saved}");
    let (one, other) = (robin.error_rate(), cost.error_rate());
    assert!((one - other).abs() < 0.001, "{one} and {other}");
}

#[test]
fn hedging_cuts_the_tail_by_four_tenths_for_a_twentieth_more_requests() {
    let all = runs(example!("hedge"), 0.4);
    let (plain, hedged) = (&all[0], &all[1]);
    let (before, after) = (plain.first(0.99), hedged.first(0.99));
    assert!(after <= before.mul_f64(0.6), "{before:?} to {after:?}");
    assert!(
        hedged.hedges > 0 && hedged.extra() <= 0.05,
        "{}",
        hedged.extra()
    );
}

#[test]
fn what_fails_in_a_millisecond_attracts_nothing_and_is_taken_back_when_it_has_recovered() {
    for outcome in &runs(example!("black_hole"), 1.0)[1..] {
        // At 50 requests a second, the first 50 are the first second.
        let share = outcome.share("hole", 1..110);
        assert!(share < 0.02, "{}: {share}", outcome.name);
        let after = outcome.share("hole", 200..240);
        assert!(after > 0.05, "{}: {after}", outcome.name);
        assert_eq!(outcome.failed, 0);
    }
}

#[test]
fn retries_stay_within_their_budget_and_a_provider_that_recovers_is_asked_at_once() {
    let all = runs(example!("retry_storm"), 1.0);
    let sum = |outcome: &Outcome, of: fn(&Second) -> u32, span: std::ops::Range<usize>| {
        outcome.seconds[span].iter().map(of).sum::<u32>()
    };
    let (with, without) = (&all[0], &all[1]);
    let offered = sum(with, |second| second.requests, 30..90);
    let asked = sum(with, |second| second.attempts, 30..90);
    assert!(
        f64::from(asked) <= 1.2 * f64::from(offered) + 600.0,
        "{asked} of {offered}"
    );
    assert!(f64::from(sum(without, |second| second.attempts, 30..90)) > 1.5 * f64::from(offered));
    assert_eq!(sum(with, |second| second.failed, 100..150), 0);
}

#[test]
fn a_target_that_becomes_ten_times_slower_loses_four_fifths_of_its_traffic_in_five_seconds() {
    let all = runs(example!("brownout"), 1.0);
    let latency = &all[1];
    let before = latency.share("browned", 30..60);
    let during = latency.share("browned", 65..180);
    assert!(before > 0.15, "{before}");
    assert!(during <= 0.2 * before, "{before} to {during}");
    let after = latency.share("browned", 300..360);
    assert!(after > 0.6 * before, "{before} to {after}");
}

#[test]
fn one_seed_gives_one_outcome() {
    let once = format!("{:?}", runs(example!("mixed"), 0.02));
    assert_eq!(once, format!("{:?}", runs(example!("mixed"), 0.02)));
}

#[test]
fn thousands_of_targets_are_run() {
    let all = runs(example!("fleet"), 0.002);
    assert!(
        all.iter().all(|outcome| outcome.requests > 1_000),
        "{all:?}"
    );
}

#[test]
fn a_wrong_scenario_says_where() {
    for (text, words) in [
        ("title = 5", "title: expected a string"),
        (
            "[[targets]]\nname = \"a\"\nttft = 5",
            "unknown key targets[0].ttft",
        ),
        (
            "[[targets]]\nname = \"a\"\nttft_ms = -5",
            "targets[0].ttft_ms: expected a number",
        ),
        (
            "[[targets]]\nname = \"a\"\n[[events]]\nkind = \"outage\"\ntarget = \"b\"",
            "is no target's name",
        ),
        (
            "[[targets]]\nname = \"a\"",
            "needs [[targets]] and [[runs]]",
        ),
        (
            "[[runs]]\nstrategy = \"fast\"",
            "runs[0].strategy: expected",
        ),
    ] {
        let error = Scenario::parse(text).unwrap_err();
        assert!(error.message().contains(words), "{error}");
    }
}
