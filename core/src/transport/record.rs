//! Writes each exchange to a file, without its secrets, while it goes on as ever.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::clock;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::transport::tape::{
    Answered, Asked, End, Exchange, FORMAT, Failure, Piece, Secrets, Timed,
};
use crate::transport::{Body, BoxFuture, Exchanged, Route, SendError, Transport};

/// Another transport, with a witness.
pub(crate) struct Recorder {
    inner: Arc<dyn Transport>,
    folder: Arc<Folder>,
}

/// Where recordings go: files numbered in the order in which their requests were sent.
struct Folder {
    path: PathBuf,
    next: AtomicU64,
}

impl Recorder {
    /// Records into this folder, behind what is in it.
    pub(crate) fn new(inner: Arc<dyn Transport>, path: &Path) -> Result<Recorder> {
        let failed = |error: io::Error| {
            let message = format!("record: cannot write to {}: {error}", path.display());
            Error::new(ErrorKind::Config, message)
        };
        fs::create_dir_all(path).map_err(failed)?;
        let names = fs::read_dir(path).map_err(failed)?;
        let last = names.filter_map(|entry| number(&entry.ok()?.path())).max();
        let folder = Arc::new(Folder {
            path: path.to_owned(),
            next: AtomicU64::new(last.unwrap_or(0).saturating_add(1)),
        });
        Ok(Recorder { inner, folder })
    }
}

/// The number in the name of a recording.
pub(crate) fn number(path: &Path) -> Option<u64> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".json")?;
    stem.parse().ok()
}

impl Transport for Recorder {
    fn send<'a>(
        &'a self,
        request: http::Request<Bytes>,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Exchanged, SendError>> {
        Box::pin(async move {
            let secrets = Secrets::of(&route.provider);
            let request_shown = secrets.asked(&request);
            let number = self.folder.next.fetch_add(1, Ordering::Relaxed);
            let mut tape = Tape {
                folder: self.folder.clone(),
                number,
                request: Some(request_shown),
                secrets,
                started: clock::now(),
                status: 0,
                headers: Vec::new(),
                pieces: Vec::new(),
            };
            match self.inner.send(request, route).await {
                Ok(mut exchanged) => {
                    tape.status = exchanged.head.status;
                    tape.headers = tape.secrets.headers(&exchanged.head.headers);
                    exchanged.body = Box::new(Witnessed {
                        body: Some(exchanged.body),
                        tape,
                    });
                    Ok(exchanged)
                }
                Err(failed) => {
                    // What is tried again for free was never seen by anybody; only a first try is.
                    if !failed.free || route.fresh {
                        tape.fail(&failed.error);
                    }
                    Err(failed)
                }
            }
        })
    }

    fn warm<'a>(
        &'a self,
        uri: &'a http::Uri,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Option<Duration>>> {
        self.inner.warm(uri, route)
    }
}

/// What was heard of one exchange so far.
struct Tape {
    folder: Arc<Folder>,
    number: u64,
    request: Option<Asked>,
    secrets: Secrets,
    started: Instant,
    status: u16,
    headers: Vec<(String, String)>,
    pieces: Vec<(u64, Bytes)>,
}

impl Tape {
    fn hear(&mut self, data: &Bytes) {
        let ms = (clock::now() - self.started).as_millis() as u64;
        self.pieces.push((ms, data.clone()));
    }

    fn fail(&mut self, error: &Error) {
        let failure = Failure {
            kind: error.kind().name().to_owned(),
            connecting: error.phase() == Phase::Connect,
            message: self.secrets.text(error.message()),
        };
        self.write(None, Some(failure));
    }

    // Once: what comes later is not part of the answer.
    fn end(&mut self, end: End) {
        if self.request.is_none() {
            return;
        }
        // Together, because a secret may be cut in two.
        let mut all: Vec<u8> = Vec::new();
        self.pieces.iter().for_each(|(_, data)| all.extend(data));
        self.secrets.hide(&mut all);
        let mut rest = all.as_slice();
        let timed = self.pieces.drain(..).map(|(ms, data)| {
            let (piece, more) = rest.split_at(data.len());
            rest = more;
            let piece = Piece::of(piece);
            Timed { ms, piece }
        });
        let answer = Answered {
            status: self.status,
            pieces: timed.collect(),
            headers: std::mem::take(&mut self.headers),
            end,
        };
        self.write(Some(answer), None);
    }

    fn write(&mut self, answer: Option<Answered>, failure: Option<Failure>) {
        let Some(request) = self.request.take() else {
            return;
        };
        let exchange = Exchange {
            libllm_exchange: FORMAT,
            request,
            answer,
            failure,
        };
        if let Err(error) = self.folder.write(self.number, &exchange) {
            let place = self.folder.path.display();
            tracing::error!(target: "libllm", "cannot write a recording to {place}: {error}");
        }
    }
}

impl Folder {
    // Whole or not at all: under another name until it is. A number that another process took is left to it.
    fn write(&self, mut number: u64, exchange: &Exchange) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(exchange).map_err(io::Error::other)?;
        let own = format!("{number:06}.{:016x}.part", fastrand::u64(..));
        let part = self.path.join(own);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        // What is asked and answered is nobody else's business.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&part)?.write_all(&text)?;
        while let Err(error) = fs::hard_link(&part, self.path.join(format!("{number:06}.json"))) {
            if error.kind() != io::ErrorKind::AlreadyExists {
                fs::remove_file(&part)?;
                return Err(error);
            }
            number += 1;
        }
        fs::remove_file(&part)
    }
}

/// A body that is heard by two.
struct Witnessed {
    body: Option<Box<dyn Body>>,
    tape: Tape,
}

impl Body for Witnessed {
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let read = std::task::ready!(body.poll_read(cx));
        match &read {
            Some(Ok(data)) => self.tape.hear(data),
            Some(Err(words)) => {
                let words = self.tape.secrets.text(words);
                self.tape.end(End::Lost(words));
            }
            None => self.tape.end(End::Complete),
        }
        Poll::Ready(read)
    }

    fn lag(&mut self, lags: bool) {
        if let Some(body) = &mut self.body {
            body.lag(lags);
        }
    }

    fn keep(&mut self, cx: &mut Context<'_>) {
        if let Some(body) = &mut self.body {
            body.keep(cx);
        }
    }

    fn release(mut self: Box<Self>) {
        self.tape.end(End::Complete);
        if let Some(body) = self.body.take() {
            body.release();
        }
    }
}

impl Drop for Witnessed {
    fn drop(&mut self) {
        self.tape.end(End::Left);
    }
}
