//! What a wire's format has no place for anywhere in a conversation, and what is told of it: once, however often it occurs.

use serde_json::value::RawValue;

use super::{Chat, Report, Tool};
use crate::error::Result;

/// Something that only some formats can say of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsaid {
    /// The speaker's name among several of one role.
    Names,
    /// Where a cached prefix ends.
    CacheMarkers,
    /// That a tool failed.
    Failures,
}

impl Chat {
    /// Takes out what the format cannot say, and reports it.
    pub fn leave_out(&mut self, unsaid: &[Unsaid], report: &mut Report) -> Result<()> {
        for what in unsaid {
            match what {
                Unsaid::Names => self.names(report)?,
                Unsaid::CacheMarkers => self.cache_markers(report)?,
                Unsaid::Failures => self.failures(report)?,
            }
        }
        Ok(())
    }

    fn names(&mut self, report: &mut Report) -> Result<()> {
        let mut found = Found::default();
        for message in &mut self.messages {
            let name = message.name.take();
            found.note(name.is_some(), || format!("{}.name", message.path));
        }
        found.tell("the format has no place for it", report)
    }

    fn failures(&mut self, report: &mut Report) -> Result<()> {
        let mut found = Found::default();
        for message in &mut self.messages {
            let failed = message.is_error.take() == Some(true);
            found.note(failed, || format!("{}.is_error", message.path));
        }
        found.tell("the format has no place for it", report)
    }

    fn cache_markers(&mut self, report: &mut Report) -> Result<()> {
        let mut found = Found::default();
        let mut take = |marker: &mut Option<Box<RawValue>>, path: &str| {
            let marker = marker.take();
            found.note(marker.is_some(), || format!("{path}.cache_control"));
        };
        for message in &mut self.messages {
            take(&mut message.cache_control, &message.path);
            for part in &mut message.content {
                take(&mut part.cache_control, &part.path);
            }
            for call in &mut message.tool_calls {
                take(&mut call.cache_control, &message.path);
            }
        }
        for tool in &mut self.tools {
            if let Tool::Function {
                path,
                cache_control,
                ..
            } = tool
            {
                take(cache_control, path);
            }
        }
        found.tell("the provider caches by itself, or not at all", report)
    }
}

/// Where it was first, and how often.
#[derive(Default)]
struct Found {
    first: Option<String>,
    times: usize,
}

impl Found {
    fn note(&mut self, there: bool, place: impl FnOnce() -> String) {
        if there {
            self.first.get_or_insert_with(place);
            self.times += 1;
        }
    }

    fn tell(self, why: &str, report: &mut Report) -> Result<()> {
        let Some(first) = self.first else {
            return Ok(());
        };
        match self.times {
            1 => report.dropped(first, why),
            times => report.dropped(first, format!("{why} ({times} times)")),
        }
    }
}
