//! The baseline: one hyper connection per worker, no pool, every body frame read and dropped.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use libllm_bench::drive::{self, Args, Drain, Expected, Failure, Worker};
use libllm_bench::measure::Sample;
use tokio::net::TcpStream;

struct Shared {
    address: SocketAddr,
    uri: Uri,
    host: String,
    body: Bytes,
}

struct Hyper {
    shared: Arc<Shared>,
    sender: SendRequest<Full<Bytes>>,
}

impl Worker for Hyper {
    type Shared = Shared;

    async fn new(shared: Arc<Shared>) -> Result<Hyper, Failure> {
        let socket = TcpStream::connect(shared.address).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        Ok(Hyper { shared, sender })
    }

    async fn ask(&mut self, expected: &Expected) -> Result<Sample, Failure> {
        let mut drain = Drain::start(expected);
        let request = Request::post(self.shared.uri.clone())
            .header("host", &self.shared.host)
            .header("content-type", "application/json")
            .header("authorization", "Bearer sk-bench")
            .body(Full::new(self.shared.body.clone()))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            if let Some(data) = frame?.data_ref() {
                drain.piece(data);
            }
        }
        Ok(drain.end(status))
    }
}

fn main() -> Result<(), Failure> {
    let args = Args::parse(std::env::args().skip(1))?;
    drive::run::<Hyper>("hyper", args, |args| {
        let rest = args
            .base
            .strip_prefix("http://")
            .ok_or("BASE is no http URL")?;
        let (host, path) = rest.split_once('/').ok_or("BASE has no path")?;
        let uri = format!("/{path}/chat/completions").parse()?;
        Ok(Shared {
            address: host.parse()?,
            uri,
            host: host.to_owned(),
            body: args.request(),
        })
    })
}
