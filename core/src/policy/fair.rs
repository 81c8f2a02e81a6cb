//! Whose turn it is among those who wait: lower numbers of priority first; within one, tenants by their weights, however many requests
//! each of them has waiting.
//!
//! Each tenant's requests are spaced on a virtual time by what they cost divided by the tenant's weight (start-time fair queueing,
//! Goyal, Vin and Cheng 1996). Who did not ask for a while starts at the present: no right is saved up.

use std::collections::HashMap;

/// A place in the line; the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// 0 goes first.
    pub(crate) priority: u8,
    start: u64,
    /// Of equals who came first.
    number: u64,
}

/// Virtual time, and how far each tenant is on it.
#[derive(Debug, Default)]
pub(crate) struct Fair {
    now: u64,
    number: u64,
    ends: HashMap<Box<str>, u64>,
}

impl Fair {
    /// The place of a tenant's next request.
    pub(crate) fn place(&mut self, tenant: &str, weight: u32, priority: u8) -> Place {
        if self.ends.len() >= TENANTS_MAX {
            let now = self.now;
            self.ends.retain(|_, end| *end > now);
        }
        let known = self.ends.get(tenant).copied();
        let start = known.unwrap_or(self.now).max(self.now);
        let end = start + STEP / u64::from(weight.max(1));
        match self.ends.get_mut(tenant) {
            Some(known) => *known = end,
            None => drop(self.ends.insert(tenant.into(), end)),
        }
        self.number += 1;
        Place {
            priority,
            start,
            number: self.number,
        }
    }

    /// Somebody left the line from that place and was served.
    pub(crate) fn served(&mut self, place: Place) {
        self.now = self.now.max(place.start);
    }
}

// One request of weight 1; weights up to it are told apart.
const STEP: u64 = 1 << 20;
// Their names are whatever callers say; who is not ahead of the present need not be remembered.
const TENANTS_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves `turns` of a line in which each of these tenants has `each` requests waiting; counts whose they were.
    fn serve(weights: &[(&str, u32, u8)], each: usize, turns: usize) -> Vec<usize> {
        let mut fair = Fair::default();
        let mut line = Vec::new();
        for (who, (tenant, weight, priority)) in weights.iter().enumerate() {
            for _ in 0..each {
                line.push((fair.place(tenant, *weight, *priority), who));
            }
        }
        line.sort();
        let mut counts = vec![0; weights.len()];
        for (place, who) in line.into_iter().take(turns) {
            fair.served(place);
            counts[who] += 1;
        }
        counts
    }

    #[test]
    fn tenants_share_by_weight_whoever_came_first() {
        assert_eq!(serve(&[("a", 1, 5), ("b", 1, 5)], 100, 100), [50, 50]);
        assert_eq!(serve(&[("a", 1, 5), ("b", 3, 5)], 100, 100), [25, 75]);
    }

    #[test]
    fn priority_goes_before_weight() {
        assert_eq!(serve(&[("a", 100, 9), ("b", 1, 0)], 50, 60), [10, 50]);
    }

    #[test]
    fn one_tenant_is_served_in_its_order() {
        let mut fair = Fair::default();
        let places: Vec<Place> = (0..10).map(|_| fair.place("a", 1, 5)).collect();
        assert!(places.is_sorted());
    }

    #[test]
    fn who_was_away_saved_nothing_up() {
        let mut fair = Fair::default();
        for _ in 0..100 {
            let place = fair.place("busy", 1, 5);
            fair.served(place);
        }
        let late = fair.place("late", 1, 5);
        let busy = fair.place("busy", 1, 5);
        let late_again = fair.place("late", 1, 5);
        assert!(
            late < busy && busy < late_again,
            "{late:?} {busy:?} {late_again:?}"
        );
    }

    #[test]
    fn names_of_tenants_are_forgotten() {
        let mut fair = Fair::default();
        for number in 0..TENANTS_MAX * 3 {
            let place = fair.place(&number.to_string(), 1, 5);
            fair.served(place);
            fair.now += STEP;
        }
        assert!(fair.ends.len() <= TENANTS_MAX);
    }
}
