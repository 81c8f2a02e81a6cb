//! Google's access tokens by Application Default Credentials (cloud.google.com, "How Application Default Credentials works"): a
//! service account's key or a user's sign-in in a file, or the machine's own account by the metadata server.

use std::time::{SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use libllm_proto::base64;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::json;

use super::control::Reach;
use super::entra::token;
use super::{Control, Issued, Source, refused};
use crate::clock;
use crate::config::Environment;
use crate::error::Result;
use crate::secret::Secret;

/// What this environment speaks of; `file` comes before what it says.
pub(crate) fn default(
    file: Option<&str>,
    environment: &dyn Environment,
) -> Result<Box<dyn Source>, String> {
    let named = file.map(str::to_owned);
    let named = named.or_else(|| environment.var("GOOGLE_APPLICATION_CREDENTIALS"));
    if let Some(path) = named {
        let text = environment.read(&path);
        let text = text.map_err(|error| format!("cannot read {path}: {error}"))?;
        return of_file(&text).map_err(|why| format!("{path}: {why}"));
    }
    let home = environment
        .var("HOME")
        .or_else(|| environment.var("APPDATA"));
    let usual =
        home.map(|home| format!("{home}/.config/gcloud/application_default_credentials.json"));
    if let Some(path) = usual
        && let Ok(text) = environment.read(&path)
    {
        return of_file(&text).map_err(|why| format!("{path}: {why}"));
    }
    let host = environment.var("GCE_METADATA_HOST");
    let host = host.unwrap_or_else(|| METADATA.to_owned());
    let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
    Ok(Box::new(Metadata { url }))
}

/// A file of credentials.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum File {
    ServiceAccount {
        client_email: String,
        private_key: String,
        #[serde(default)]
        private_key_id: String,
        #[serde(default = "token_url")]
        token_uri: String,
    },
    AuthorizedUser {
        client_id: String,
        client_secret: String,
        refresh_token: String,
        #[serde(default = "token_url")]
        token_uri: String,
    },
}

fn token_url() -> String {
    TOKEN_URL.to_owned()
}

fn of_file(text: &str) -> Result<Box<dyn Source>, String> {
    // serde's words could hold a part of the key.
    let file: File = serde_json::from_str(text)
        .map_err(|_| "expected a service account's key or a user's sign-in".to_owned())?;
    Ok(match file {
        File::ServiceAccount {
            client_email,
            private_key,
            private_key_id,
            token_uri,
        } => Box::new(ServiceAccount {
            email: client_email,
            key: key(&private_key).ok_or("private_key is no RSA key in PEM")?,
            key_id: private_key_id,
            url: token_uri,
        }),
        File::AuthorizedUser {
            client_id,
            client_secret,
            refresh_token,
            token_uri,
        } => Box::new(User {
            id: client_id,
            secret: Secret::from(client_secret),
            refresh: Secret::from(refresh_token),
            url: token_uri,
        }),
    })
}

/// The key of a PEM text (RFC 7468, PKCS #8).
fn key(pem: &str) -> Option<RsaKeyPair> {
    let body = pem.split("-----BEGIN PRIVATE KEY-----").nth(1)?;
    let body = body.split("-----END PRIVATE KEY-----").next()?;
    let der = zeroize::Zeroizing::new(base64::decode_loose(body.as_bytes())?);
    RsaKeyPair::from_pkcs8(&der).ok()
}

/// A service account: a claim that it signs itself for a token (developers.google.com, "Using OAuth 2.0 for server to server
/// applications").
struct ServiceAccount {
    email: String,
    key: RsaKeyPair,
    key_id: String,
    url: String,
}

impl ServiceAccount {
    fn claim(&self, now: SystemTime) -> Result<String> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let head = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let body = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.url,
            "iat": now,
            "exp": now + LIFE,
        });
        let text = format!(
            "{}.{}",
            url_base64(head.to_string().as_bytes()),
            url_base64(body.to_string().as_bytes())
        );
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .map_err(|_| refused("the service account's key does not sign"))?;
        Ok(format!("{text}.{}", url_base64(&signature)))
    }
}

impl Source for ServiceAccount {
    fn issue<'a>(&'a self, control: &'a Control<'a>) -> BoxFuture<'a, Result<Issued>> {
        Box::pin(async {
            let asked = clock::wall();
            let claim = self.claim(asked)?;
            let form = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", &claim),
            ];
            let answer = control.post_form(&self.url, &form).await?;
            token(&answer.json("Google's token endpoint")?, asked)
        })
    }
}

/// A user who has signed in.
struct User {
    id: String,
    secret: Secret,
    refresh: Secret,
    url: String,
}

impl Source for User {
    fn issue<'a>(&'a self, control: &'a Control<'a>) -> BoxFuture<'a, Result<Issued>> {
        Box::pin(async {
            let asked = clock::wall();
            let form = [
                ("grant_type", "refresh_token"),
                ("client_id", &self.id),
                ("client_secret", self.secret.expose()),
                ("refresh_token", self.refresh.expose()),
            ];
            let answer = control.post_form(&self.url, &form).await?;
            token(&answer.json("Google's token endpoint")?, asked)
        })
    }
}

/// The machine's own account.
struct Metadata {
    url: String,
}

impl Source for Metadata {
    fn issue<'a>(&'a self, control: &'a Control<'a>) -> BoxFuture<'a, Result<Issued>> {
        Box::pin(async {
            let asked = clock::wall();
            let flavor = [("metadata-flavor", "Google")];
            let answer = control.get(&self.url, &flavor, Reach::Near).await?;
            token(&answer.json("the metadata server")?, asked)
        })
    }
}

/// RFC 4648 section 5, without padding.
fn url_base64(bytes: &[u8]) -> String {
    let text = base64::encode(bytes).replace('+', "-").replace('/', "_");
    text.trim_end_matches('=').to_owned()
}

const METADATA: &str = "metadata.google.internal";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
/// What Vertex AI's methods ask for (reference of generateContent, "Authorization scopes").
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The longest that a claim may live.
const LIFE: u64 = 3600;
