//! Where a URL leads: what its connections have in common, and its `host` header. Found out once a thread, not once a request.

use std::cell::RefCell;
use std::sync::Arc;

use ::http::uri::Authority;
use ::http::{HeaderValue, Uri};

use crate::config::Provider;
use crate::error::{Error, ErrorKind};
use crate::transport::pool::Origin;

/// Where a URL leads.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) origin: Arc<Origin>,
    /// The authority as it is written.
    pub(crate) host: HeaderValue,
}

impl Place {
    /// The place of a provider's URL.
    pub(crate) fn of(uri: &Uri, provider: &Provider) -> Result<Place, Error> {
        let authority = uri.authority().map_or("", Authority::as_str);
        KNOWN.with_borrow_mut(|known| {
            let same = |place: &&Place| {
                let origin = &*place.origin;
                place.host == authority
                    && origin.provider == provider.id
                    && Some(origin.scheme) == uri.scheme_str()
            };
            if let Some(place) = known.iter().find(same) {
                return Ok(place.clone());
            }
            let place = Place {
                origin: Arc::new(origin(uri, provider)?),
                host: HeaderValue::from_str(authority)
                    .map_err(|_| Error::new(ErrorKind::Config, "the URL cannot be sent"))?,
            };
            if known.len() == KNOWN_MAX {
                known.remove(0);
            }
            known.push(place.clone());
            Ok(place)
        })
    }
}

fn origin(uri: &Uri, provider: &Provider) -> Result<Origin, Error> {
    let invalid = || {
        Error::new(
            ErrorKind::Config,
            format!("base_url of {}: no http or https URL", provider.id),
        )
    };
    let scheme = match uri.scheme_str() {
        Some("https") => "https",
        Some("http") => "http",
        _ => return Err(invalid()),
    };
    let host = uri.host().ok_or_else(invalid)?.to_ascii_lowercase();
    let port = uri
        .port_u16()
        .unwrap_or(if scheme == "https" { 443 } else { 80 });
    Ok(Origin::new(scheme, host, port, provider.id.clone()))
}

thread_local! {
    static KNOWN: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
}

// More than most programs ask; where there are more still, some are found out again.
const KNOWN_MAX: usize = 16;
