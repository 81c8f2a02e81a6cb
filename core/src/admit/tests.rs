use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::*;
use crate::config::{Config, SystemEnvironment};
use crate::policy::adaptive::Sign;
use crate::policy::spend::Period;

fn admission(text: &str) -> Arc<Admission> {
    let config = Config::parse(text, &SystemEnvironment).unwrap();
    config.admission.unwrap()
}

/// Gates, and what one request of so many tokens needs of the provider `mock` there.
struct Scene {
    gates: Arc<Gates>,
    admission: Arc<Admission>,
}

impl Scene {
    fn new(limits: &str) -> Scene {
        let text = format!("[tenants.t]\nlimits = {{ {limits} }}");
        Scene {
            gates: Gates::new(crate::process::current()),
            admission: admission(&text),
        }
    }

    fn choice(&self, tokens: u64) -> Choice {
        let want = self.gates.want(&self.admission, Scope::Tenant, "t");
        Choice {
            candidate: 0,
            key: None,
            wants: vec![want.unwrap()],
            load: Load {
                tokens,
                microusd: 0,
            },
        }
    }

    fn take(&self, tokens: u64) -> Option<Permit> {
        let choice = self.choice(tokens);
        let entered = self.gates.take(&[choice], Counting::Here)?;
        Some(entered.permit)
    }

    /// As when it was handed to whoever asked.
    fn begin(&self, tokens: u64) -> Option<Permit> {
        let mut permit = self.take(tokens)?;
        permit.begun = true;
        Some(permit)
    }
}

#[test]
fn what_is_held_is_given_back_however_a_request_ends() {
    let scene = Scene::new("in_flight = 1");
    for _ in 0..3 {
        let permit = scene.begin(0).unwrap();
        assert!(scene.take(0).is_none());
        drop(permit);
        let permit = scene.begin(0).unwrap();
        permit.settle(&Used::NOTHING, clock::now());
        let panics = catch_unwind(AssertUnwindSafe(|| {
            let _permit = scene.begin(0);
            panic!("on the way");
        }));
        assert!(panics.is_err());
    }
    assert!(scene.take(0).is_some());
}

#[test]
fn what_was_never_begun_counts_for_nothing() {
    let scene = Scene::new("requests_per_minute = 1, tokens_per_minute = 10");
    for _ in 0..5 {
        drop(scene.take(10).unwrap());
    }
    drop(scene.begin(10).unwrap());
    assert!(scene.take(0).is_none());
}

#[test]
fn what_was_used_replaces_what_was_thought_and_stays_when_nobody_knows() {
    let scene = Scene::new("tokens_per_minute = 100");
    let used = Used {
        tokens: Some(10),
        microusd: None,
        sign: Sign::Nothing,
    };
    scene.begin(90).unwrap().settle(&used, clock::now());
    assert!(scene.take(91).is_none());
    drop(scene.begin(90).unwrap());
    assert!(scene.take(1).is_none());
}

#[test]
fn a_request_gets_all_that_it_needs_or_nothing() {
    let text = "[tenants.t]\nlimits = { requests_per_minute = 1 }\n[tenants.u]\nlimits = { in_flight = 1 }";
    let gates = Gates::new(crate::process::current());
    let admission = admission(text);
    let both = |first: &str, second: &str| {
        let wants =
            [first, second].map(|name| gates.want(&admission, Scope::Tenant, name).unwrap());
        let choice = Choice {
            candidate: 0,
            key: None,
            wants: wants.to_vec(),
            load: Load::default(),
        };
        gates.take(&[choice], Counting::Here)
    };
    let first = both("t", "u").unwrap();
    assert!(both("u", "t").is_none());
    drop(first);
    // Never begun, so both have room again; nothing was taken of either by who got nothing.
    assert!(both("u", "t").is_some());
}

#[test]
fn a_call_and_its_attempt_get_at_once_all_that_they_need_or_nothing() {
    let text = "[tenants.t]\nlimits = { in_flight = 2 }\n[tenants.u]\nlimits = { in_flight = 1 }";
    let gates = Gates::new(crate::process::current());
    let admission = admission(text);
    let want = |name: &str| gates.want(&admission, Scope::Tenant, name).unwrap();
    let (t, u) = ([want("t")], [want("u")]);
    let load = Load::default();
    let take = |call: &[Want], attempt: &[Want]| gates.take_all(&[(call, load), (attempt, load)]);
    let first = take(&t, &u).unwrap();
    assert!(first.iter().all(Option::is_some));
    // Of a tenant with two places, none was taken by who found the other's only one taken.
    assert!(take(&t, &u).is_none() && take(&u, &t).is_none());
    let [call, attempt] = take(&t, &[]).unwrap();
    assert!(call.is_some() && attempt.is_none());
    assert!(take(&t, &[]).is_none());
    drop(first);
    // Nobody goes past somebody who waits.
    let (tell, told) = oneshot::channel();
    let mut line = crate::lock(&gates.line);
    let place = line.fair.place("t", 1, 5);
    let choices = Vec::new().into();
    line.waiting.insert(place, Waiter { choices, tell });
    drop(line);
    assert!(take(&t, &u).is_none());
    crate::lock(&gates.line).waiting.clear();
    drop(told);
    assert!(take(&t, &u).is_some());
}

#[test]
fn many_threads_are_never_more_than_may_be_at_once() {
    let scene = Scene::new("in_flight = 7");
    let (now, peak) = (Mutex::new(0), Mutex::new(0));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let Some(permit) = scene.begin(1) else {
                        continue;
                    };
                    let mut inside = crate::lock(&now);
                    *inside += 1;
                    let mut most = crate::lock(&peak);
                    *most = (*most).max(*inside);
                    drop((inside, most));
                    *crate::lock(&now) -= 1;
                    drop(permit);
                }
            });
        }
    });
    assert!((1..=7).contains(&*crate::lock(&peak)));
    let all: Vec<Permit> = (0..7).map(|_| scene.begin(0).unwrap()).collect();
    assert!(scene.take(0).is_none());
    drop(all);
}

#[test]
fn names_that_nobody_uses_are_forgotten() {
    let gates = Gates::new(crate::process::current());
    let admission = admission("[tenants.\"*\"]\nlimits = { in_flight = 1 }");
    for number in 0..LIMITERS_MAX * 2 {
        gates.want(&admission, Scope::Tenant, &number.to_string());
    }
    assert!(
        crate::lock(&gates.limiters)[Scope::Tenant as usize]
            .all
            .len()
            <= LIMITERS_MAX + 1
    );
}

#[test]
fn more_names_than_are_kept_share_one_limit() {
    let gates = Gates::new(crate::process::current());
    let admission = admission("[tenants.\"*\"]\nlimits = { in_flight = 1 }");
    let want = |name: &str| gates.want(&admission, Scope::Tenant, name).unwrap();
    let kept: Vec<Want> = (0..LIMITERS_MAX)
        .map(|number| want(&number.to_string()))
        .collect();
    let others = ["made up", "made up, too"].map(want);
    assert!(Arc::ptr_eq(&others[0].limiter, &others[1].limiter));
    assert!(!Arc::ptr_eq(&others[0].limiter, &kept[0].limiter));
    assert_eq!(
        crate::lock(&gates.limiters)[Scope::Tenant as usize]
            .all
            .len(),
        LIMITERS_MAX + 1
    );
}

#[test]
fn what_was_spent_in_a_period_that_is_over_or_that_nobody_limits_is_forgotten() {
    let text = "[tenants.t]\nlimits = { in_flight = 9 }";
    let budget = "[[budgets]]\ntenant = \"t\"\nusd_per_hour = 1";
    for (text, kept) in [
        (text.to_owned(), false),
        (format!("{text}\n{budget}"), true),
    ] {
        let gates = Gates::new(crate::process::current());
        let want = gates.want(&admission(&text), Scope::Tenant, "t").unwrap();
        let start = now();
        let load = Load {
            tokens: 10,
            microusd: 10,
        };
        want.take(load, start)
            .release(&Used::UNKNOWN, start.instant);
        let after = |minutes: u64| {
            let later = Duration::from_secs(minutes * 60);
            Now::new(start.instant + later, start.wall + later)
        };
        assert!(!want.limiter.is_idle(start));
        let same = Period::Hour.at(start.wall).0 == Period::Hour.at(after(2).wall).0;
        assert_eq!(want.limiter.is_idle(after(2)), !(kept && same));
        assert!(want.limiter.is_idle(after(60 * 24 * 40)));
    }
}

#[test]
fn a_limiter_remembers_what_redis_said_for_a_moment() {
    let now = Instant::now();
    let limiter = Arc::new(Limiter::new(Scope::Tenant, "t"));
    let caps = admission("[tenants.t]\nlimits = { tokens_per_minute = 100 }");
    let caps = caps.caps(Scope::Tenant, "t").unwrap().clone();
    let want = Want { limiter, caps };
    let room = |tokens, after: u64| {
        let load = Load {
            tokens,
            microusd: 0,
        };
        let now = Now::new(now + Duration::from_millis(after), clock::wall());
        want.room(&load, Counting::There, now)
            .map_err(|barred| barred.wait)
    };
    let load = Load {
        tokens: 50,
        microusd: 0,
    };
    want.limiter
        .shut(By::Tokens, load, Duration::from_secs(20), now);
    assert_eq!(room(50, 0), Err(Some(Duration::from_secs(20))));
    assert_eq!(room(49, 0), Ok(()));
    assert_eq!(room(50, 100), Ok(()));
    assert_eq!(room(101, 100), Err(None));
}
