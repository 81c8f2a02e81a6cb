//! The call log's file: lines are handed over without waiting, and written by a thread of their own, each whole, behind what is there.
//! A file that was renamed or removed is made anew, so that it can be rotated without a word to us.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::metrics::Count;
use crate::process::Process;
use crate::runtime;

/// Bytes of lines that wait to be written, of all call logs of a process. What comes on top is lost, and counted.
const WAITING_MAX: usize = 8 << 20;
/// Written in one go.
const BATCH_MAX: usize = 256 << 10;

/// A file of lines. Its thread ends once all that was handed over is written and nobody holds this any more.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) path: PathBuf,
    lines: Sender<String>,
    process: &'static Process,
}

/// What waits to be written in one process.
#[derive(Debug, Default)]
pub(crate) struct Waiting(AtomicUsize);

impl Waiting {
    /// Waits until all is written, at most so long. On the host's thread.
    pub(crate) fn flush(&self, timeout: Duration) {
        clock::block_until(timeout, || self.0.load(Ordering::Acquire) == 0);
    }
}

impl Journal {
    /// Opens the file, which is made for its owner alone if it is not there.
    pub(crate) fn open(path: &Path, process: &'static Process) -> Result<Journal> {
        let file = Out::open(path).map_err(|error| {
            let message = format!(
                "telemetry.call_log: cannot write to {}: {error}",
                path.display()
            );
            Error::new(ErrorKind::Config, message)
        })?;
        let (lines, taken) = channel();
        runtime::spawn_thread("llm-log", move || write(file, &taken, process))?;
        Ok(Journal {
            path: path.to_owned(),
            lines,
            process,
        })
    }

    /// Hands a line over, its end included.
    pub(crate) fn add(&self, line: String) {
        let (waiting, size) = (&self.process.journal.0, line.len());
        if waiting.fetch_add(size, Ordering::AcqRel) + size > WAITING_MAX {
            waiting.fetch_sub(size, Ordering::AcqRel);
            return self.process.counters.add(Count::CallLogLost, 1);
        }
        if let Err(back) = self.lines.send(line) {
            // Its thread could not go on.
            waiting.fetch_sub(back.0.len(), Ordering::AcqRel);
            self.process.counters.add(Count::CallLogLost, 1);
        }
    }
}

fn write(mut out: Out, lines: &Receiver<String>, process: &Process) {
    let mut failing = false;
    while let Ok(first) = lines.recv() {
        let (mut batch, mut count) = (first, 1);
        while batch.len() < BATCH_MAX
            && let Ok(more) = lines.try_recv()
        {
            batch.push_str(&more);
            count += 1;
        }
        match out.write(batch.as_bytes()) {
            Ok(()) => failing = false,
            Err(error) => {
                process.counters.add(Count::CallLogLost, count);
                if !std::mem::replace(&mut failing, true) {
                    let path = out.path.display();
                    tracing::error!(target: "libllm", "the call log cannot write to {path}: {error}");
                }
            }
        }
        process.journal.0.fetch_sub(batch.len(), Ordering::AcqRel);
    }
}

/// The file as it was opened.
struct Out {
    path: PathBuf,
    file: File,
    /// Device and inode.
    identity: (u64, u64),
}

impl Out {
    fn open(path: &Path) -> io::Result<Out> {
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(path)?;
        let known = file.metadata()?;
        Ok(Out {
            path: path.to_owned(),
            identity: (known.dev(), known.ino()),
            file,
        })
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let there = fs::metadata(&self.path).map(|there| (there.dev(), there.ino()));
        if there.ok() != Some(self.identity) {
            *self = Out::open(&self.path)?;
        }
        self.file.write_all(lines)
    }
}
