//! The peer that most Rust programs use: one reqwest client, its pool, its stream of bytes read and dropped.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use libllm_bench::drive::{self, Args, Drain, Expected, Failure, Worker};
use libllm_bench::measure::Sample;

struct Shared {
    client: reqwest::Client,
    url: String,
    body: Bytes,
}

struct Reqwest {
    shared: Arc<Shared>,
}

impl Worker for Reqwest {
    type Shared = Shared;

    async fn new(shared: Arc<Shared>) -> Result<Reqwest, Failure> {
        Ok(Reqwest { shared })
    }

    async fn ask(&mut self, expected: &Expected) -> Result<Sample, Failure> {
        let mut drain = Drain::start(expected);
        let request = self.shared.client.post(&self.shared.url);
        let request = request
            .header("content-type", "application/json")
            .bearer_auth("sk-bench");
        let answer = request.body(self.shared.body.clone()).send().await?;
        let status = answer.status().as_u16();
        let mut body = answer.bytes_stream();
        while let Some(piece) = body.next().await {
            drain.piece(&piece?);
        }
        Ok(drain.end(status))
    }
}

fn main() -> Result<(), Failure> {
    let args = Args::parse(std::env::args().skip(1))?;
    drive::run::<Reqwest>("reqwest", args, |args| {
        let url = format!("{}/chat/completions", args.base);
        // In one build with the library reqwest wants to be told who does its cryptography, though nothing here is encrypted.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        // A proxy of the environment would be measured otherwise.
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Shared {
            client,
            url,
            body: args.request(),
        })
    })
}
