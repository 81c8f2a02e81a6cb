//! Who is asked first: one of the targets that a name stands for, by what is known of each.

/// How a target is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// The first one.
    #[default]
    Order,
}

impl Strategy {
    /// A strategy by its word.
    pub fn find(word: &str) -> Option<Strategy> {
        (word == "order").then_some(Strategy::Order)
    }
}
