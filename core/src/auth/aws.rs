//! AWS keys from where AWS's own clients look for them, in their order (AWS SDKs and Tools reference guide, "Standardized credential
//! providers"): variables, the profile's file, the container's endpoint, the instance's endpoint.

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Uri};

use super::control::{Answer, Reach};
use super::{AwsKeys, Control, Credential, Issued, Source, date, refused};
use crate::config::Environment;
use crate::error::Result;
use crate::secret::Secret;

/// The first of the places that this environment speaks of; none if it forbids the last, which needs no word.
pub(crate) fn chain(environment: &dyn Environment) -> Result<Option<Box<dyn Source>>, String> {
    let var = |name: &str| environment.var(name).map(|value| value.trim().to_owned());
    if let (Some(id), Some(secret)) = (var("AWS_ACCESS_KEY_ID"), var("AWS_SECRET_ACCESS_KEY")) {
        let session = var("AWS_SESSION_TOKEN");
        return Ok(Some(Box::new(Static(keys(id, secret, session)))));
    }
    if let Some(keys) = profile(environment)? {
        return Ok(Some(Box::new(Static(keys))));
    }
    if let Some(path) = var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        let url = format!("{CONTAINER}/{}", path.trim_start_matches('/'));
        let token = Token::of(environment);
        return Ok(Some(Box::new(Container { url, token })));
    }
    if let Some(url) = var("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
        if !is_near(&url) {
            return Err(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this host".into(),
            );
        }
        let token = Token::of(environment);
        return Ok(Some(Box::new(Container { url, token })));
    }
    if var("AWS_EC2_METADATA_DISABLED").is_some_and(|said| said.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let base = var("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| INSTANCE.to_owned());
    let base = base.trim_end_matches('/').to_owned();
    Ok(Some(Box::new(Instance { base })))
}

fn keys(id: String, secret: String, session: Option<String>) -> AwsKeys {
    AwsKeys {
        id,
        secret: Secret::from(secret),
        session: session.filter(|it| !it.is_empty()).map(Secret::from),
    }
}

/// Keys that do not expire, or whose end nobody says.
struct Static(AwsKeys);

impl Source for Static {
    fn issue<'a>(&'a self, _control: &'a Control<'a>) -> BoxFuture<'a, Result<Issued>> {
        let issued = Issued {
            credential: Credential::Aws(self.0.clone()),
            expires: None,
        };
        Box::pin(std::future::ready(Ok(issued)))
    }
}

/// The keys that the profile's section holds, in the file of credentials or that of configuration.
fn profile(environment: &dyn Environment) -> Result<Option<AwsKeys>, String> {
    let asked = environment.var("AWS_PROFILE");
    let name = asked.as_deref().unwrap_or("default").trim();
    let home = environment
        .var("HOME")
        .or_else(|| environment.var("USERPROFILE"));
    let file = |variable: &str, usual: &str| {
        let usual = || home.as_ref().map(|home| format!("{home}/.aws/{usual}"));
        environment.var(variable).or_else(usual)
    };
    let credentials = (
        file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        name.to_owned(),
    );
    let of_config = match name {
        "default" => name.to_owned(),
        name => format!("profile {name}"),
    };
    let config = (file("AWS_CONFIG_FILE", "config"), of_config);
    for (path, section) in [credentials, config] {
        let Some(text) = path.and_then(|path| environment.read(&path).ok()) else {
            continue;
        };
        let value = |key: &str| in_section(&text, &section, key);
        if let (Some(id), Some(secret)) =
            (value("aws_access_key_id"), value("aws_secret_access_key"))
        {
            return Ok(Some(keys(id, secret, value("aws_session_token"))));
        }
    }
    match asked {
        Some(name) => Err(format!(
            "profile {name} holds no keys (sign-in and roles are not followed)"
        )),
        None => Ok(None),
    }
}

/// A value of an INI file's section.
fn in_section(text: &str, section: &str, key: &str) -> Option<String> {
    let mut inside = false;
    let mut found = None;
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            inside = name.split(']').next().unwrap_or_default().trim() == section;
        } else if inside
            && !line.starts_with(['#', ';'])
            && let Some((name, value)) = line.split_once('=')
            && name.trim() == key
        {
            found = Some(value.trim().to_owned());
        }
    }
    found.filter(|value| !value.is_empty())
}

/// What proves to a container's endpoint who asks.
enum Token {
    None,
    Text(Secret),
    /// Read each time: it is replaced while we run.
    File(String),
}

impl Token {
    fn of(environment: &dyn Environment) -> Token {
        if let Some(path) = environment.var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            return Token::File(path);
        }
        match environment.var("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
            Some(token) => Token::Text(Secret::from(token.trim())),
            None => Token::None,
        }
    }

    fn read(&self) -> Result<Option<Secret>> {
        match self {
            Token::None => Ok(None),
            Token::Text(token) => Ok(Some(token.clone())),
            Token::File(path) => match std::fs::read_to_string(path) {
                Ok(token) => Ok(Some(Secret::from(token.trim()))),
                Err(error) => Err(refused(format!("cannot read {path}: {error}"))),
            },
        }
    }
}

/// The endpoint of ECS and EKS ("Container credential provider").
struct Container {
    url: String,
    token: Token,
}

impl Source for Container {
    fn issue<'a>(&'a self, control: &'a Control<'a>) -> BoxFuture<'a, Result<Issued>> {
        Box::pin(async {
            let token = self.token.read()?;
            let header = token
                .as_ref()
                .map(|token| ("authorization", token.expose()));
            let headers: Vec<_> = header.into_iter().collect();
            let answer = control.get(&self.url, &headers, Reach::Near).await?;
            issued(&answer, "the container's endpoint")
        })
    }
}

/// The endpoint of an EC2 instance, version 2 ("IMDS credential provider").
struct Instance {
    base: String,
}

impl Source for Instance {
    fn issue<'a>(&'a self, control: &'a Control<'a>) -> BoxFuture<'a, Result<Issued>> {
        Box::pin(async {
            const WHO: &str = "the instance's endpoint";
            let url = format!("{}/latest/api/token", self.base);
            let life = [("x-aws-ec2-metadata-token-ttl-seconds", "21600")];
            let token = control
                .ask(Method::PUT, &url, &life, Bytes::new(), Reach::Near)
                .await?;
            let token = text(&token, WHO)?;
            let header = [("x-aws-ec2-metadata-token", token.as_str())];
            let roles = format!("{}/latest/meta-data/iam/security-credentials/", self.base);
            let role = text(&control.get(&roles, &header, Reach::Near).await?, WHO)?;
            let role = role.lines().next().unwrap_or_default();
            if role.is_empty() {
                return Err(refused("the instance has no role"));
            }
            let answer = control
                .get(&format!("{roles}{role}"), &header, Reach::Near)
                .await?;
            issued(&answer, WHO)
        })
    }
}

fn text(answer: &Answer, who: &str) -> Result<String> {
    match (answer.status, std::str::from_utf8(&answer.body)) {
        (200..=299, Ok(text)) => Ok(text.trim().to_owned()),
        (status, _) => Err(refused(format!("{who} answers with status {status}"))),
    }
}

/// The keys of an answer; both endpoints write them alike.
fn issued(answer: &Answer, who: &str) -> Result<Issued> {
    let said = answer.json(who)?;
    let member = |name: &str| {
        said[name]
            .as_str()
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    };
    let (Some(id), Some(secret)) = (member("AccessKeyId"), member("SecretAccessKey")) else {
        let code = member("Code").unwrap_or_default();
        return Err(refused(
            format!("{who} answers without keys {code}").trim_end(),
        ));
    };
    Ok(Issued {
        credential: Credential::Aws(keys(id, secret, member("Token"))),
        expires: member("Expiration").and_then(|at| date::read(&at)),
    })
}

/// Whether keys may travel there in the clear: https, this machine, and the two addresses of ECS and EKS.
fn is_near(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let near = [
        "localhost",
        "169.254.170.2",
        "169.254.170.23",
        "fd00:ec2::23",
    ];
    let loops = host
        .parse::<std::net::IpAddr>()
        .is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => loops || near.contains(&host),
        _ => false,
    }
}

const CONTAINER: &str = "http://169.254.170.2";
const INSTANCE: &str = "http://169.254.169.254";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_told_apart() {
        let text = "[default]\naws_access_key_id = A\n# aws_secret_access_key = no\n[ dev ]\naws_access_key_id=B\naws_secret_access_key = s=t \n";
        let value = |section: &str, key: &str| in_section(text, section, key);
        assert_eq!(value("default", "aws_access_key_id").unwrap(), "A");
        assert_eq!(value("default", "aws_secret_access_key"), None);
        assert_eq!(value("dev", "aws_secret_access_key").unwrap(), "s=t");
        assert_eq!(value("prod", "aws_access_key_id"), None);
    }

    #[test]
    fn keys_travel_in_the_clear_on_this_host_only() {
        for near in [
            "https://example.com/x",
            "http://127.0.0.1:1/x",
            "http://[::1]/x",
            "http://localhost/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
        ] {
            assert!(is_near(near), "{near}");
        }
        for far in [
            "http://example.com",
            "http://10.0.0.1/x",
            "ftp://localhost",
            "x",
        ] {
            assert!(!is_near(far), "{far}");
        }
    }
}
