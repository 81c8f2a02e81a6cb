//! Plays recorded exchanges instead of asking anybody: the same pieces in the same order, each time.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use libllm_proto::wire::Head;

use crate::error::{Error, ErrorKind, Phase, Result, Retry};
use crate::transport::record::number;
use crate::transport::tape::{Answered, End, Exchange, FORMAT, Failure, HIDDEN, Piece, Secrets};
use crate::transport::{Body, BoxFuture, Exchanged, Route, SendError, Sent, Transport};

/// The exchanges of a folder.
pub(crate) struct Replay {
    path: PathBuf,
    recordings: Mutex<HashMap<Request, Recordings>>,
}

/// What a recording is found by: method, URL and body.
type Request = (String, String, Piece);

#[derive(Default)]
struct Recordings {
    left: VecDeque<Outcome>,
    played: usize,
}

enum Outcome {
    Answer(Head, Tail),
    Failure(Error),
}

impl Replay {
    /// Reads all recordings of a folder. One that cannot be read is refused by name.
    pub(crate) fn new(path: &Path) -> Result<Replay> {
        let failed = |place: &Path, why: &dyn std::fmt::Display| {
            let message = format!("replay: cannot read {}: {why}", place.display());
            Error::new(ErrorKind::Config, message)
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(|error| failed(path, &error))? {
            let file = entry.map_err(|error| failed(path, &error))?.path();
            files.extend(number(&file).map(|number| (number, file)));
        }
        files.sort();
        let mut recordings: HashMap<Request, Recordings> = HashMap::new();
        for (_, file) in files {
            let (request, outcome) = read(&file).map_err(|why| failed(&file, &why))?;
            recordings
                .entry(request)
                .or_default()
                .left
                .push_back(outcome);
        }
        Ok(Replay {
            path: path.to_owned(),
            recordings: Mutex::new(recordings),
        })
    }

    fn play(&self, request: &http::Request<Bytes>, route: &Route) -> Result<Exchanged, Error> {
        let asked = Secrets::of(&route.provider).asked(request);
        let key = (asked.method, asked.url, asked.body);
        let mut recordings = crate::lock(&self.recordings);
        let found = recordings.get_mut(&key);
        let played = found.as_ref().map_or(0, |found| found.played);
        let next = found.and_then(|found| {
            found.played += 1;
            found.left.pop_front()
        });
        match next {
            Some(Outcome::Answer(head, tail)) => Ok(Exchanged {
                head,
                body: Box::new(tail),
                connected: None,
            }),
            Some(Outcome::Failure(error)) => Err(error),
            None => {
                let (method, url, _) = key;
                let (place, times) = (self.path.display(), if played > 0 { "more " } else { "" });
                let message = format!(
                    "replay: no {times}recording in {place} of {method} {url} with this body"
                );
                Err(Error::new(ErrorKind::Config, message).with_retry(Retry::Never))
            }
        }
    }
}

fn read(file: &Path) -> Result<(Request, Outcome), String> {
    let text = fs::read(file).map_err(|error| error.to_string())?;
    let exchange: Exchange = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if exchange.libllm_exchange != FORMAT {
        return Err(format!("format {} is not known", exchange.libllm_exchange));
    }
    let asked = exchange.request;
    let outcome = match (exchange.answer, exchange.failure) {
        (Some(answer), None) => played(answer)?,
        (None, Some(failure)) => Outcome::Failure(failed(&failure)?),
        _ => return Err("expected an answer or a failure".to_owned()),
    };
    Ok(((asked.method, asked.url, asked.body), outcome))
}

fn played(answer: Answered) -> Result<Outcome, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in answer.headers {
        if value == HIDDEN {
            continue;
        }
        let known = HeaderName::from_bytes(name.as_bytes()).ok();
        let pair = known.zip(HeaderValue::from_str(&value).ok());
        let (name, value) = pair.ok_or_else(|| format!("header {name} cannot be sent"))?;
        headers.append(name, value);
    }
    let pieces = answer
        .pieces
        .into_iter()
        .map(|timed| timed.piece.bytes().map(Bytes::from));
    let pieces: Option<VecDeque<Bytes>> = pieces.collect();
    let head = Head {
        status: answer.status,
        headers,
    };
    let tail = Tail {
        pieces: pieces.ok_or("a piece is no base64")?,
        end: answer.end,
    };
    Ok(Outcome::Answer(head, tail))
}

fn failed(failure: &Failure) -> Result<Error, String> {
    let kind = ErrorKind::from_name(&failure.kind);
    let kind = kind.ok_or_else(|| format!("unknown kind {:?}", failure.kind))?;
    let phase = match failure.connecting {
        true => Phase::Connect,
        false => Phase::Send,
    };
    Ok(Error::new(kind, failure.message.clone()).with_phase(phase))
}

impl Transport for Replay {
    fn send<'a>(
        &'a self,
        request: http::Request<Bytes>,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Exchanged, SendError>> {
        let played = self.play(&request, route).map_err(|error| SendError {
            error,
            sent: Sent::No,
            free: false,
        });
        Box::pin(async { played })
    }
}

/// What is left of a body. Nothing waits: when pieces came is told for readers of the file.
struct Tail {
    pieces: VecDeque<Bytes>,
    end: End,
}

impl Body for Tail {
    fn poll_read(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        if let Some(piece) = self.pieces.pop_front() {
            return Poll::Ready(Some(Ok(piece)));
        }
        Poll::Ready(match &self.end {
            End::Complete => None,
            End::Lost(words) => Some(Err(words.clone())),
            End::Left => Some(Err("the recording ends where its reader left".to_owned())),
        })
    }

    fn release(self: Box<Self>) {}
}
