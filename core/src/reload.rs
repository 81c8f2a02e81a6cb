//! Watches the files that a configuration was read from, and has it read again when one of them has changed and holds still.
//!
//! Looking at them beats being told: inotify watches a name's directory and loses it when a link above is swapped, as Kubernetes does
//! with its ConfigMaps, and it is silent on network file systems. A look is one `stat` a file, a few microseconds a second, and needs
//! no thread, no descriptor and no dependency.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;
use std::time::Duration;

use futures::channel::oneshot;

use crate::clock;
use crate::config::Environment;
use crate::runtime;

/// An environment that remembers which files were read.
pub(crate) struct Seen<'e> {
    inner: &'e dyn Environment,
    paths: Mutex<BTreeSet<String>>,
}

impl<'e> Seen<'e> {
    pub(crate) fn new(inner: &'e dyn Environment) -> Seen<'e> {
        Seen {
            inner,
            paths: Mutex::default(),
        }
    }

    /// The files, as they are now.
    pub(crate) fn files(self) -> Files {
        let paths = self.paths.into_inner().unwrap_or_default();
        let mut files = Files {
            paths: paths.into_iter().collect(),
            marks: Vec::new(),
        };
        files.look();
        files
    }
}

impl Environment for Seen<'_> {
    fn var(&self, name: &str) -> Option<String> {
        self.inner.var(name)
    }

    fn read(&self, path: &str) -> io::Result<String> {
        crate::lock(&self.paths).insert(path.to_owned());
        self.inner.read(path)
    }
}

/// Files, and what they looked like last.
pub(crate) struct Files {
    paths: Vec<String>,
    marks: Vec<Mark>,
}

/// What tells one content of a path from the next: the file behind it, its size and its times. None: it is not there.
type Mark = Option<(u64, u64, u64, [i64; 4])>;

impl Files {
    /// Whether they look other than last time.
    fn look(&mut self) -> bool {
        let marks = self.paths.iter().map(|path| mark(path)).collect();
        let changed = self.marks != marks;
        self.marks = marks;
        changed
    }
}

fn mark(path: &str) -> Mark {
    // Links are followed to their end: one that is swapped leads to another file.
    let it = std::fs::metadata(path).ok()?;
    let times = [it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec()];
    Some((it.dev(), it.ino(), it.size(), times))
}

/// Does `load` after each change, as long as `wanted` says so: on a thread of its own, because a file may take long to read.
pub(crate) async fn watch<L: FnOnce() + Send + 'static>(
    mut files: Files,
    every: Duration,
    wanted: impl Fn() -> bool,
    load: impl Fn() -> L,
) {
    loop {
        clock::sleep(every).await;
        if !wanted() {
            return;
        }
        if !files.look() {
            continue;
        }
        // Who writes in place is not done with the first write; what is half there may well be read without complaint.
        loop {
            clock::sleep(every.min(SETTLED)).await;
            if !files.look() {
                break;
            }
        }
        if wanted() {
            elsewhere(load()).await;
        }
    }
}

async fn elsewhere(work: impl FnOnce() + Send + 'static) {
    let (tell, told) = oneshot::channel::<()>();
    let begun = runtime::spawn_thread("llm-reload", move || {
        work();
        drop(tell);
    });
    match begun {
        // One that is read for ever is not read again beside that.
        Ok(()) => drop(told.await),
        Err(error) => {
            tracing::warn!(target: "libllm", "the configuration is not read again: {error}");
        }
    }
}

/// Two looks this far apart that see the same: it is written.
const SETTLED: Duration = Duration::from_millis(100);
