//! The caller's words: a Chat Completions request, checked once, its source text kept.

use bytes::Bytes;

/// A request that is known to be good.
#[derive(Clone, Debug)]
pub struct Request {
    source: Bytes,
}
