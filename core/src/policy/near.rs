//! Questions that are almost the same: which texts may count as one at all, and which of those that are remembered is nearest.
//!
//! A plain scan over the vectors of one scope: a thousand of 1,536 numbers are one and a half million multiplications. What is
//! remembered is bounded, and the oldest goes first.

use std::collections::{HashMap, VecDeque};

/// A text's vector, of length 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Vector(Box<[f32]>);

impl Vector {
    /// The direction of these numbers; `None` if they have none.
    pub(crate) fn of(numbers: &[f64]) -> Option<Vector> {
        let length = numbers.iter().map(|number| number * number).sum::<f64>();
        let length = length.sqrt();
        let usable = length.is_finite() && length > f64::from(f32::MIN_POSITIVE);
        usable.then(|| Vector(numbers.iter().map(|it| (it / length) as f32).collect()))
    }

    /// The cosine of the angle between two; of unequal kinds they have nothing in common.
    pub(crate) fn likeness(&self, other: &Vector) -> f32 {
        if self.0.len() != other.0.len() {
            return 0.0;
        }
        // Sums side by side, so that the compiler may add several at once.
        let mut sums = [0.0; LANES];
        let (mine, theirs) = (self.0.chunks_exact(LANES), other.0.chunks_exact(LANES));
        let rest = mine.remainder().iter().zip(theirs.remainder());
        let rest: f32 = rest.map(|(one, other)| one * other).sum();
        for (mine, theirs) in mine.zip(theirs) {
            for lane in 0..LANES {
                sums[lane] += mine[lane] * theirs[lane];
            }
        }
        sums.iter().sum::<f32>() + rest
    }
}

/// The numbers in a text, in their order: another number is another question, however alike the words are.
pub(crate) fn numbers(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_numeric());
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Questions that are remembered, each by the key of its answer.
#[derive(Debug, Default)]
pub(crate) struct Index {
    scopes: HashMap<u128, Vec<Item>>,
    /// Oldest first.
    order: VecDeque<(u128, u128)>,
}

#[derive(Debug)]
struct Item {
    key: u128,
    vector: Vector,
    numbers: Vec<String>,
}

impl Index {
    /// Remembers a question; the oldest are forgotten above `max`.
    pub(crate) fn add(
        &mut self,
        scope: u128,
        key: u128,
        vector: Vector,
        numbers: Vec<String>,
        max: usize,
    ) {
        self.remove(scope, key);
        let item = Item {
            key,
            vector,
            numbers,
        };
        self.scopes.entry(scope).or_default().push(item);
        self.order.push_back((scope, key));
        while self.order.len() > max.max(1) {
            let Some((scope, key)) = self.order.front().copied() else {
                return;
            };
            self.remove(scope, key);
        }
    }

    /// The nearest question of this scope with these numbers, if it is near enough.
    pub(crate) fn nearest(
        &self,
        scope: u128,
        vector: &Vector,
        numbers: &[String],
        threshold: f32,
    ) -> Option<(u128, f32)> {
        let items = self.scopes.get(&scope)?.iter();
        let same = items.filter(|item| item.numbers == numbers);
        let alike = same.map(|item| (item.key, item.vector.likeness(vector)));
        let near = alike.filter(|(_, likeness)| *likeness >= threshold);
        near.max_by(|one, other| one.1.total_cmp(&other.1))
    }

    /// Forgets a question.
    pub(crate) fn remove(&mut self, scope: u128, key: u128) {
        let Some(items) = self.scopes.get_mut(&scope) else {
            return;
        };
        let before = items.len();
        items.retain(|item| item.key != key);
        let gone = items.len() < before;
        if items.is_empty() {
            self.scopes.remove(&scope);
        }
        if gone {
            self.order.retain(|named| *named != (scope, key));
        }
    }
}

// 32 bytes: what AVX2 adds at once.
const LANES: usize = 8;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn vector(numbers: &[f64]) -> Vector {
        Vector::of(numbers).unwrap()
    }

    #[test]
    fn length_does_not_matter_and_direction_does() {
        let long: Vec<f64> = (0..19).map(f64::from).collect();
        let double: Vec<f64> = long.iter().map(|number| number * 2.0).collect();
        assert!((vector(&long).likeness(&vector(&double)) - 1.0).abs() < 1e-6);
        let (right, up) = (vector(&[5.0, 0.0]), vector(&[0.0, 0.1]));
        assert_eq!(right.likeness(&up), 0.0);
        assert_eq!(right.likeness(&vector(&[-1.0, 0.0])), -1.0);
        assert!((right.likeness(&vector(&[1.0, 1.0])) - 0.5f32.sqrt()).abs() < 1e-6);
        assert_eq!(right.likeness(&vector(&[1.0, 0.0, 0.0])), 0.0);
        for nowhere in [&[][..], &[0.0, 0.0], &[f64::NAN], &[f64::INFINITY]] {
            assert_eq!(Vector::of(nowhere), None);
        }
    }

    #[test]
    fn numbers_are_told_apart_and_words_are_not() {
        assert_eq!(numbers("Order 17, 2.5 kg?"), ["17", "2", "5"]);
        assert_eq!(numbers("٣ eggs"), ["٣"]);
        assert!(numbers("none at all").is_empty());
    }

    #[test]
    fn the_nearest_of_its_own_scope_is_found_and_none_below_the_threshold() {
        let mut index = Index::default();
        let none = Vec::new;
        index.add(1, 10, vector(&[1.0, 0.0]), none(), 9);
        index.add(1, 11, vector(&[1.0, 0.2]), none(), 9);
        index.add(1, 12, vector(&[1.0, 0.1]), vec!["7".into()], 9);
        index.add(2, 13, vector(&[1.0, 0.1]), none(), 9);
        let wanted = vector(&[1.0, 0.15]);
        let found = |scope, numbers: &[String], threshold| {
            let found = index.nearest(scope, &wanted, numbers, threshold);
            found.map(|(key, _)| key)
        };
        assert_eq!(found(1, &[], 0.9), Some(11));
        assert_eq!(found(1, &["7".into()], 0.9), Some(12));
        assert_eq!(found(1, &["8".into()], 0.0), None);
        assert_eq!(found(1, &[], 0.9999), None);
        assert_eq!(found(2, &[], 0.9), Some(13));
        assert_eq!(found(3, &[], 0.0), None);
    }

    #[test]
    fn the_oldest_goes_and_what_is_removed_makes_room() {
        let mut index = Index::default();
        for key in 0..5 {
            index.add(key % 2, key, vector(&[1.0]), Vec::new(), 3);
        }
        let there = |index: &Index, key: u128| {
            index
                .scopes
                .get(&(key % 2))
                .is_some_and(|items| items.iter().any(|item| item.key == key))
        };
        assert_eq!(index.order.len(), 3);
        assert!(!there(&index, 0) && !there(&index, 1));
        assert!(there(&index, 2) && there(&index, 3) && there(&index, 4));
        index.remove(0, 2);
        index.remove(0, 2);
        index.add(1, 3, vector(&[2.0]), Vec::new(), 3);
        assert_eq!((index.order.len(), index.scopes[&1].len()), (2, 1));
        index.remove(1, 3);
        index.remove(0, 4);
        assert!(index.scopes.is_empty() && index.order.is_empty());
    }
}
