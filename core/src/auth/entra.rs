//! Microsoft Entra ID: a client's secret for an access token (learn.microsoft.com, "OAuth 2.0 client credentials flow").

use std::time::Duration;

use futures::future::BoxFuture;

use super::{Control, Credential, Issued, Source, refused};
use crate::clock;
use crate::config::Environment;
use crate::error::Result;
use crate::secret::Secret;

struct Client {
    url: String,
    id: String,
    secret: Secret,
}

/// A source of tokens, if the variables that Microsoft's own clients read are set.
pub(crate) fn client(environment: &dyn Environment) -> Result<Option<Box<dyn Source>>, String> {
    let var = |name: &str| environment.var(name).map(|value| value.trim().to_owned());
    let (Some(tenant), Some(id), Some(secret)) = (
        var("AZURE_TENANT_ID"),
        var("AZURE_CLIENT_ID"),
        var("AZURE_CLIENT_SECRET"),
    ) else {
        return Ok(None);
    };
    let secret = Secret::from(secret);
    let authority = environment.var("AZURE_AUTHORITY_HOST");
    let authority = authority
        .as_deref()
        .unwrap_or(AUTHORITY)
        .trim_end_matches('/');
    let authority = match authority.contains("://") {
        true => authority.to_owned(),
        false => format!("https://{authority}"),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if !tenant.chars().all(plain) {
        return Err("AZURE_TENANT_ID is no tenant".into());
    }
    let url = format!("{authority}/{tenant}/oauth2/v2.0/token");
    Ok(Some(Box::new(Client { url, id, secret })))
}

impl Source for Client {
    fn issue<'a>(&'a self, control: &'a Control<'a>) -> BoxFuture<'a, Result<Issued>> {
        Box::pin(async {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", &self.id),
                ("client_secret", self.secret.expose()),
                ("scope", SCOPE),
            ];
            let asked = clock::wall();
            let answer = control.post_form(&self.url, &form).await?;
            token(&answer.json("Microsoft Entra ID")?, asked)
        })
    }
}

/// The token of an answer of OAuth 2.0 (RFC 6749 section 5.1).
pub(super) fn token(answer: &serde_json::Value, asked: std::time::SystemTime) -> Result<Issued> {
    let token = answer["access_token"]
        .as_str()
        .filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| refused("the answer holds no access_token"))?;
    // Some servers write the number as text.
    let seconds = &answer["expires_in"];
    let seconds = seconds.as_u64().or_else(|| seconds.as_str()?.parse().ok());
    Ok(Issued {
        credential: Credential::Token(Secret::from(token)),
        expires: seconds.map(|seconds| asked + Duration::from_secs(seconds.min(YEAR))),
    })
}

const AUTHORITY: &str = "https://login.microsoftonline.com";

/// Azure OpenAI docs, "Authentication": what a token is asked for.
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

/// No token lives longer; a number that says so must not overflow a date.
const YEAR: u64 = 365 * 86_400;
