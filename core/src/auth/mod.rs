//! Credentials that somebody issues, that expire and are issued again: AWS keys, Google's and Microsoft's access tokens.
//!
//! A [`Source`] knows where they come from and asks there; the [`Keeper`] around it asks once for all who wait, before the old ones
//! expire, and holds no lock while it does.

use std::time::SystemTime;

use futures::future::BoxFuture;

use crate::clock;
use crate::config::Provider;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;
use crate::transport::Transport;

mod aws;
mod control;
mod date;
mod entra;
#[cfg(feature = "gemini")]
mod google;
mod keeper;
#[cfg(feature = "bedrock")]
mod sigv4;

pub(crate) use aws::chain as aws_chain;
pub(crate) use control::Control;
pub(crate) use entra::client as entra_client;
#[cfg(feature = "gemini")]
pub(crate) use google::default as google_default;
pub(crate) use keeper::Keeper;

/// What a request is given to prove whose it is.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    /// A token that goes where a key would.
    Token(Secret),
    /// Keys that sign.
    Aws(AwsKeys),
}

/// Keys of AWS.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "bedrock"),
    allow(dead_code, reason = "nothing is signed without it")
)]
pub(crate) struct AwsKeys {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    pub(crate) session: Option<Secret>,
}

/// A credential, and until when it is good.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) credential: Credential,
    pub(crate) expires: Option<SystemTime>,
}

/// Where credentials come from.
pub(crate) trait Source: Send + Sync {
    /// Asks for new ones.
    fn issue<'a>(&'a self, control: &'a Control<'a>) -> BoxFuture<'a, Result<Issued>>;
}

/// The credential of a provider that has somebody issue it. Asked for where it is needed, and once for all who need it.
pub(crate) async fn credential(
    transport: &dyn Transport,
    provider: &Provider,
) -> Result<Option<Credential>> {
    let Some(keeper) = &provider.keeper else {
        return Ok(None);
    };
    let control = Control::new(transport, provider);
    keeper.credential(&control).await.map(Some)
}

/// What was issued and is sent as it is: whoever gets it may repeat it.
pub(crate) fn sent(provider: &Provider) -> Option<Secret> {
    match provider.keeper.as_ref()?.held()? {
        Credential::Token(token) => Some(token),
        Credential::Aws(keys) => keys.session,
    }
}

/// Puts a credential into a request.
pub(crate) fn prove(
    request: &mut http::Request<bytes::Bytes>,
    credential: &Credential,
    provider: &Provider,
) -> Result<()> {
    match credential {
        Credential::Token(token) => provider.auth.apply(request, token.expose()),
        Credential::Aws(keys) => {
            let region = provider.region.as_deref().unwrap_or_default();
            sign(request, keys, region, clock::wall())
        }
    }
}

/// Signs a request with AWS keys, or says that nothing here can.
#[cfg(feature = "bedrock")]
fn sign(
    request: &mut http::Request<bytes::Bytes>,
    keys: &AwsKeys,
    region: &str,
    now: SystemTime,
) -> Result<()> {
    sigv4::sign(request, keys, region, SERVICE, now)
}

#[cfg(not(feature = "bedrock"))]
fn sign(
    _request: &mut http::Request<bytes::Bytes>,
    _keys: &AwsKeys,
    _region: &str,
    _now: SystemTime,
) -> Result<()> {
    Err(Error::new(
        ErrorKind::Config,
        "AWS signatures are not in this build",
    ))
}

/// The name that signatures for Bedrock's runtime are made for.
#[cfg(feature = "bedrock")]
const SERVICE: &str = "bedrock";

/// Nobody issues a credential: another target may have one.
fn refused(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Auth, format!("no credentials: {why}"))
}
