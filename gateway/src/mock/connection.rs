//! One client's connection: requests in turn, each answered before the next is read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::http1::{self, Head, Unread};
use super::play::{self, Ended};
use super::route::{self, Route};
use super::state::State;
use libllm_proto::mock::Place;

/// A connection, plain or inside TLS.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {
    /// Makes the close to come a reset (RST) rather than a FIN.
    fn reset_on_close(&self);
}

impl Socket for TcpStream {
    fn reset_on_close(&self) {
        // Fails only on a socket that is closed already.
        let _ = self.set_zero_linger();
    }
}

impl Socket for TlsStream<TcpStream> {
    fn reset_on_close(&self) {
        self.get_ref().0.reset_on_close();
    }
}

/// Serves a client until it or a script closes the connection.
pub(crate) async fn serve(mut socket: impl Socket, state: Arc<State>) {
    let mut input = BytesMut::with_capacity(INPUT);
    loop {
        match exchange(&mut socket, &mut input, &state).await {
            Ended::Open => {}
            Ended::Shut => {
                linger(&mut socket).await;
                return;
            }
            Ended::Reset => {
                socket.reset_on_close();
                return;
            }
        }
    }
}

/// Closes so that what was sent arrives: a close with unread input is a reset, which would overtake the answer.
async fn linger(socket: &mut impl Socket) {
    let drain = async {
        socket.shutdown().await?;
        let mut rest = [0; INPUT];
        while socket.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    // The peer may be gone, or may never close: either way this ends.
    let _ = tokio::time::timeout(LINGER, drain).await;
}

/// Reads one request and answers it.
async fn exchange(socket: &mut impl Socket, input: &mut BytesMut, state: &State) -> Ended {
    let mut head = match http1::read_head(socket, input).await {
        Ok(head) => head,
        Err(unread) => return refuse(socket, unread).await,
    };
    match Route::of(&head) {
        Route::Model(place) => model(socket, input, state, place, &head).await,
        Route::Nothing(status, why) => {
            // Its body stays unread, so this is the connection's last answer.
            head.keep_alive = false;
            page(socket, &head, status, &error(why)).await
        }
        asked => {
            if let Err(unread) = http1::read_body(socket, input, &head).await {
                return refuse(socket, unread).await;
            }
            let body = match asked {
                Route::Models(dialect) => route::models(state, dialect),
                Route::ResetStats => {
                    state.reset();
                    state.stats()
                }
                _ => state.stats(),
            };
            page(socket, &head, 200, &body).await
        }
    }
}

/// Answers what was asked of a script.
async fn model(
    socket: &mut impl Socket,
    input: &mut BytesMut,
    state: &State,
    place: Place,
    head: &Head,
) -> Ended {
    let request = state.request();
    let body = match http1::read_body(socket, input, head).await {
        Ok(body) => body,
        Err(unread) => {
            if matches!(unread, Unread::Gone) {
                request.closed_by_client();
            }
            return refuse(socket, unread).await;
        }
    };
    let arrived = Instant::now();
    let reply = route::reply(state, &request, place, head, &body);
    drop(body);
    let ended = play::play(socket, input, reply, head, arrived).await;
    ended.unwrap_or_else(|_gone| {
        request.closed_by_client();
        Ended::Reset
    })
}

/// Answers what was no request.
async fn refuse(socket: &mut impl Socket, unread: Unread) -> Ended {
    if let Unread::Refused(status, why) = unread {
        let head = play::head_of_page(status, error(why).len(), false);
        // Best effort: the client may still be sending.
        let _ = socket
            .write_all(format!("{head}{}", error(why)).as_bytes())
            .await;
    }
    Ended::Shut
}

async fn page(socket: &mut impl Socket, head: &Head, status: u16, body: &str) -> Ended {
    let page = play::head_of_page(status, body.len(), head.keep_alive) + body;
    let sent = async {
        socket.write_all(page.as_bytes()).await?;
        socket.flush().await
    };
    match (sent.await, head.keep_alive) {
        (Ok(()), true) => Ended::Open,
        _ => Ended::Shut,
    }
}

fn error(why: &str) -> String {
    format!(
        "{{\"error\":{{\"message\":\"{why}\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}}}"
    )
}

/// A request of a few hundred bytes is read at once, and thousands of idle connections stay small.
const INPUT: usize = 1024;
/// How long the peer has to close its side.
const LINGER: Duration = Duration::from_secs(1);
