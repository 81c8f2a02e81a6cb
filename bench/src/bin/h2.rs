//! `bench-mock-h2 FOLDER`: the same answers by the same schedules over HTTP/2, plain, and over TLS in whichever HTTP the client
//! offers first. Prints both addresses and writes its authority to FOLDER/ca.pem. A hyper server: it is not what is measured.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future as _;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use libllm_bench::{answer, schedule::Schedule};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

type Failed = Box<dyn Error>;

fn main() -> Result<(), Failed> {
    let folder = std::env::args().nth(1).ok_or("FOLDER is missing")?;
    libllm_bench::measure::raise_open_files()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let secure = acceptor(&folder)?;
    runtime.block_on(async {
        let plain = TcpListener::bind("127.0.0.1:0").await?;
        let tls = TcpListener::bind("127.0.0.1:0").await?;
        let mut out = std::io::stdout();
        writeln!(out, "{}\n{}", plain.local_addr()?, tls.local_addr()?)?;
        out.flush()?;
        tokio::spawn(async move {
            while let Ok((socket, _)) = tls.accept().await {
                tokio::spawn(serve_tls(socket, secure.clone()));
            }
        });
        loop {
            tokio::spawn(serve_plain(plain.accept().await?.0));
        }
    })
}

fn acceptor(folder: &str) -> Result<TlsAcceptor, Failed> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    std::fs::write(format!("{folder}/ca.pem"), authority.pem())?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

// What fails here fails the client, which says so.
async fn serve_plain(socket: TcpStream) {
    let _ = socket.set_nodelay(true);
    let service = service_fn(respond);
    let _ = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(MOST)
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

async fn serve_tls(socket: TcpStream, acceptor: TlsAcceptor) {
    let _ = socket.set_nodelay(true);
    let Ok(stream) = acceptor.accept(socket).await else {
        return;
    };
    let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let (stream, service) = (TokioIo::new(stream), service_fn(respond));
    if two {
        let _ = http2::Builder::new(TokioExecutor::new())
            .max_concurrent_streams(MOST)
            .serve_connection(stream, service)
            .await;
    } else {
        let _ = http1::Builder::new()
            .serve_connection(stream, service)
            .await;
    }
}

async fn respond(mut request: Request<Incoming>) -> Result<Response<Paced>, Infallible> {
    let schedule = Schedule::of_path(request.uri().path());
    // The schedule begins with the request's last byte.
    while let Some(Ok(_)) =
        std::future::poll_fn(|cx| Pin::new(request.body_mut()).poll_frame(cx)).await
    {}
    let (status, body) = match schedule {
        Some(schedule) => (StatusCode::OK, Paced::new(schedule)),
        None => (StatusCode::NOT_FOUND, Paced::empty()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("text/event-stream; charset=utf-8");
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, kind);
    Ok(response)
}

/// A streamed answer, a piece a token, each when it is due.
struct Paced {
    pieces: std::vec::IntoIter<Bytes>,
    schedule: Schedule,
    due: Pin<Box<Sleep>>,
}

impl Paced {
    fn new(schedule: Schedule) -> Paced {
        let body = answer::chat_stream(schedule.tokens);
        let (mut pieces, mut start) = (Vec::new(), 0);
        // Event 0 is the role, which comes with the first word; what follows the last word comes with it.
        for (index, end) in body.ends.iter().enumerate() {
            if !schedule.at_once && (1..schedule.tokens).contains(&index) {
                pieces.push(Bytes::copy_from_slice(&body.bytes[start..*end]));
                start = *end;
            }
        }
        pieces.push(Bytes::copy_from_slice(&body.bytes[start..]));
        Paced {
            pieces: pieces.into_iter(),
            schedule,
            due: Box::pin(tokio::time::sleep(schedule.first)),
        }
    }

    fn empty() -> Paced {
        Paced {
            pieces: Vec::new().into_iter(),
            schedule: Schedule::default(),
            due: Box::pin(tokio::time::sleep_until(Instant::now())),
        }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.pieces.as_slice().is_empty() {
            return Poll::Ready(None);
        }
        std::task::ready!(self.due.as_mut().poll(cx));
        let next = self.due.deadline() + self.schedule.gap;
        self.due.as_mut().reset(next);
        Poll::Ready(self.pieces.next().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.as_slice().is_empty()
    }
}

// As many as libllm puts on one connection.
const MOST: u32 = 128;
