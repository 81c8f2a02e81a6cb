//! A request that is in this format already: the caller's own text but for what routing changes.

use bytes::Bytes;

use crate::error::Result;
use crate::request::Request;
use crate::request::splice::{Splice, quote};
use crate::wire::{Dropped, Target};

/// The body of a request.
pub(super) fn body(request: &Request, target: &Target<'_>) -> Result<(Bytes, Vec<Dropped>)> {
    let mut splice = Splice::new(request);
    splice.set("model", quote(target.model));
    if target.stream {
        splice.set("stream", b"true".to_vec());
    } else if request.field("stream").is_some_and(|said| said != b"null") {
        splice.set("stream", b"false".to_vec());
    }
    splice.remove_own();
    let own = request.field("extra_body").filter(|json| *json != b"null");
    for extra in [own, target.extra_body].into_iter().flatten() {
        splice
            .merge(extra)
            .map_err(|error| error.context("extra_body"))?;
    }
    Ok((splice.finish(), Vec::new()))
}
