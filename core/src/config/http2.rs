//! `providers.P.http2`: which HTTP a service is spoken to in, and how.

use std::time::Duration;

use super::scope::Table;
use crate::error::Result;

/// Which HTTP a service is spoken to in, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2 {
    /// Which of the two.
    pub speak: Speak,
    /// Requests on one connection at once, if the server takes as many.
    pub max_streams: u32,
    /// After how much silence a connection is asked whether it lives; `None` never asks.
    pub ping: Option<Duration>,
}

/// Which HTTP a service is spoken to in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Speak {
    /// What the server prefers where TLS lets it choose (ALPN), else HTTP/1.1.
    #[default]
    Best,
    /// HTTP/1.1 only.
    One,
    /// HTTP/2 only, without TLS too: the server is known to speak it.
    Two,
}

impl Default for Http2 {
    fn default() -> Http2 {
        Http2 {
            speak: Speak::Best,
            max_streams: MAX_STREAMS,
            ping: Some(PING),
        }
    }
}

impl Http2 {
    /// Reads the `http2` table of a provider.
    pub(super) fn read(table: &Table<'_>) -> Result<Http2> {
        table.check(KEYS, &[])?;
        let mut http2 = Http2::default();
        if let Some(word) = table.word("mode", &["auto", "off", "prior_knowledge"], &[])? {
            http2.speak = match word {
                "off" => Speak::One,
                "prior_knowledge" => Speak::Two,
                _ => Speak::Best,
            };
        }
        if let Some(most) = table.integer("max_streams", 1..=STREAMS_MAX)? {
            http2.max_streams = most as u32;
        }
        if let Some(every) = table.seconds_or_none("ping_s")? {
            http2.ping = (!every.is_zero()).then_some(every);
        }
        Ok(http2)
    }
}

const KEYS: &[&str] = &["mode", "max_streams", "ping_s"];
// nginx allows 128 (`http2_max_concurrent_streams`), RFC 9113 6.5.2 recommends no fewer than 100.
const MAX_STREAMS: u32 = 128;
// At 64 KiB a stream the connection's window stays far below the protocol's 2^31 - 1.
const STREAMS_MAX: u64 = 10_000;
// Before what lies between drops what is silent: common load balancers give up after 60 s, and gRPC servers take 10 s for abuse.
const PING: Duration = Duration::from_secs(20);
