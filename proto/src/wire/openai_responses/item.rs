//! One item of an answer while it is streamed: which one an event means, and how much of it was said.

use crate::error::{Error, ErrorKind, Result};
use crate::json::Half;

use super::said::{Role, Said};

/// An item that has begun.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) role: Role,
    /// Its place in the answer, and its name, as far as the server said them.
    index: Option<u32>,
    id: Box<str>,
    /// It came whole: nothing of it is missing.
    pub(super) done: bool,
    /// Parts of which deltas came, the last one last.
    spoken: Vec<(Voice, u32)>,
    /// Our number of the call, once its name is known.
    pub(super) call: Option<u32>,
    /// Arguments that came before the name.
    pub(super) held: String,
    /// Arguments were said.
    pub(super) argued: bool,
    pub(super) citations: u32,
    /// The first half of a surrogate pair that was cut between two deltas.
    pub(super) half: Half,
}

/// What a part of an item says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    Text,
    Refusal,
    Summary,
    Reasoning,
}

impl Voice {
    /// Whether both say the same kind of thing.
    fn is_like(self, other: Voice) -> bool {
        let thinks = |voice| matches!(voice, Voice::Summary | Voice::Reasoning);
        self == other || (thinks(self) && thinks(other))
    }
}

impl Item {
    pub(super) fn new(role: Role, index: Option<u32>, id: String) -> Item {
        Item {
            role,
            index,
            id: id.into(),
            done: false,
            spoken: Vec::new(),
            call: None,
            held: String::new(),
            argued: false,
            citations: 0,
            half: Half::default(),
        }
    }

    /// A delta of this part came.
    pub(super) fn speaks(&mut self, voice: Voice, part: u32) {
        if self.spoken.last() != Some(&(voice, part)) && self.spoken.len() < PARTS_MAX {
            self.spoken.push((voice, part));
        }
    }

    /// Whether deltas of this part came.
    pub(super) fn spoke(&self, voice: Voice, part: u32) -> bool {
        self.spoken.contains(&(voice, part))
    }

    /// Whether deltas of this kind came, whatever part they named: what comes whole afterwards repeats them.
    pub(super) fn spoke_like(&self, voice: Voice) -> bool {
        self.spoken.iter().any(|(spoken, _)| spoken.is_like(voice))
    }
}

/// The items of an answer in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Items(Vec<Item>);

impl Items {
    /// Where the item is that the event means: by its place in the answer, else by its name, else the last one that is not done.
    /// There are servers whose items change their names from event to event, and some that leave the place out; and some whose
    /// reasoning and text, which nothing began, have one place: what is of `role` is no item of the other one's.
    pub(super) fn find(&self, said: &Said<'_>, role: Role) -> Option<usize> {
        let speaks = |role| matches!(role, Role::Message | Role::Reasoning);
        let other = |item: &Item| speaks(item.role) && speaks(role) && item.role != role;
        let items = &self.0;
        if let Some(index) = said.output_index {
            let here = |item: &Item| item.index == Some(index) && !other(item);
            return items.iter().rposition(here);
        }
        if let Some(id) = said.item_id {
            return items
                .iter()
                .rposition(|item| id.is(&item.id) && !other(item));
        }
        let last = items.len().checked_sub(1)?;
        (!items[last].done && !other(&items[last])).then_some(last)
    }

    /// Where the last item of this kind is that is not done.
    pub(super) fn open(&self, role: Role) -> Option<usize> {
        let open = |item: &Item| item.role == role && !item.done;
        self.0.iter().rposition(open)
    }

    /// One more; its place here.
    pub(super) fn push(&mut self, item: Item) -> Result<usize> {
        if self.0.len() == ITEMS_MAX {
            let message = format!("answer exceeds the limit of {ITEMS_MAX} items");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        self.0.push(item);
        Ok(self.0.len() - 1)
    }

    pub(super) fn at(&mut self, place: usize) -> &mut Item {
        &mut self.0[place]
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The next item of this kind, from `from` on and before `end`.
    pub(super) fn next(&self, role: Role, from: usize, end: usize) -> Option<usize> {
        (from..end).find(|place| self.0[*place].role == role)
    }
}

/// Items of one answer; each event looks for its own among them.
const ITEMS_MAX: usize = 4096;

/// Parts of one item that are remembered; more would only ever be asked for by an answer that says each of them twice.
const PARTS_MAX: usize = 1024;
