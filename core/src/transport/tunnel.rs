//! Through a proxy: `CONNECT` (RFC 9110 9.3.6) and SOCKS version 5 (RFC 1928, RFC 1929), up to the first byte of the other side.

use std::net::IpAddr;

use libllm_proto::base64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::secret::Secret;
use crate::transport::stream::Stream;

type Auth<'a> = Option<&'a (Secret, Secret)>;

/// Asks an HTTP proxy for a tunnel.
pub(crate) async fn connect(
    stream: &mut Stream,
    host: &str,
    port: u16,
    auth: Auth<'_>,
) -> Result<(), String> {
    let mut ask = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(auth) = auth {
        ask = format!("{ask}Proxy-Authorization: {}\r\n", basic(auth));
    }
    ask.push_str("\r\n");
    stream.write_all(ask.as_bytes()).await.map_err(lost)?;
    stream.flush().await.map_err(lost)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_MAX {
            return Err(format!("the proxy's answer exceeds {HEAD_MAX} bytes"));
        }
        // One at a time: what follows the head belongs to the other side.
        head.push(stream.read_u8().await.map_err(lost)?);
    }
    match status(&head) {
        Some(200..=299) => Ok(()),
        Some(407) => Err("the proxy wants other credentials (407)".to_owned()),
        Some(status) => Err(format!("the proxy refused with status {status}")),
        None => Err("the proxy does not speak HTTP/1".to_owned()),
    }
}

/// Asks a SOCKS proxy for a connection to a host, by address if it is one.
pub(crate) async fn socks(
    stream: &mut Stream,
    host: &str,
    port: u16,
    auth: Auth<'_>,
) -> Result<(), String> {
    let methods: &[u8] = match auth {
        Some(_) => &[5, 2, NO_AUTH, PASSWORD],
        None => &[5, 1, NO_AUTH],
    };
    let chosen = exchange::<2>(stream, methods).await?;
    match (chosen, auth) {
        ([5, NO_AUTH], _) => {}
        ([5, PASSWORD], Some(auth)) => log_in(stream, auth).await?,
        ([5, _], _) => return Err("the proxy wants other credentials".to_owned()),
        _ => return Err("the proxy does not speak SOCKS 5".to_owned()),
    }
    let mut ask = vec![5, CONNECT, 0];
    ask.extend(address(host)?);
    ask.extend(port.to_be_bytes());
    let [_, reply, _, kind] = exchange::<4>(stream, &ask).await?;
    if reply != 0 {
        let words = REPLIES
            .get(usize::from(reply))
            .unwrap_or(&"no reason known");
        return Err(format!("the proxy refused: {words} ({reply})"));
    }
    // Where the proxy connects from: of no use, but it has to be read.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => stream.read_u8().await.map_err(lost)?.into(),
        _ => return Err("the proxy's answer has an address of no known kind".to_owned()),
    };
    let mut rest = vec![0; length + 2];
    stream.read_exact(&mut rest).await.map_err(lost)?;
    Ok(())
}

/// A user and a password as `Proxy-Authorization` has them (RFC 7617).
pub(crate) fn basic((user, password): &(Secret, Secret)) -> String {
    let pair = format!("{}:{}", user.expose(), password.expose());
    format!("Basic {}", base64::encode(pair.as_bytes()))
}

async fn log_in(stream: &mut Stream, (user, password): &(Secret, Secret)) -> Result<(), String> {
    let mut ask = vec![1];
    for word in [user.expose(), password.expose()] {
        let length = u8::try_from(word.len())
            .map_err(|_| "user or password exceeds 255 bytes".to_owned())?;
        ask.push(length);
        ask.extend(word.as_bytes());
    }
    match exchange::<2>(stream, &ask).await? {
        [_, 0] => Ok(()),
        _ => Err("the proxy refused user and password".to_owned()),
    }
}

async fn exchange<const N: usize>(stream: &mut Stream, ask: &[u8]) -> Result<[u8; N], String> {
    stream.write_all(ask).await.map_err(lost)?;
    stream.flush().await.map_err(lost)?;
    let mut answer = [0; N];
    stream.read_exact(&mut answer).await.map_err(lost)?;
    Ok(answer)
}

fn address(host: &str) -> Result<Vec<u8>, String> {
    let bare = host.trim_matches(['[', ']']);
    Ok(match bare.parse() {
        Ok(IpAddr::V4(address)) => [&[IPV4], &address.octets()[..]].concat(),
        Ok(IpAddr::V6(address)) => [&[IPV6], &address.octets()[..]].concat(),
        Err(_) => {
            let length =
                u8::try_from(bare.len()).map_err(|_| "host exceeds 255 bytes".to_owned())?;
            [&[NAME, length], bare.as_bytes()].concat()
        }
    })
}

fn status(head: &[u8]) -> Option<u16> {
    let line = head.strip_prefix(b"HTTP/1.")?;
    let digits = line.get(2..5).filter(|_| line[1] == b' ')?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn lost(error: std::io::Error) -> String {
    format!("the proxy went away: {error}")
}

// A status line and a few headers; what curl allows a single one of them.
const HEAD_MAX: usize = 16 << 10;
// RFC 1928 3 to 6.
const NO_AUTH: u8 = 0;
const PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
const REPLIES: [&str; 9] = [
    "succeeded",
    "general failure",
    "not allowed by its rules",
    "network unreachable",
    "host unreachable",
    "connection refused",
    "time to live expired",
    "command not supported",
    "kind of address not supported",
];
