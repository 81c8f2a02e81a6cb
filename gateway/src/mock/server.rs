//! The listener: one thread, one task a connection.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use libllm_proto::mock::Scripts;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::connection;
use super::options::Options;
use super::state::State;
use super::tls;

/// Serves until the process ends; returns only on failure.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let scripts = match &options.scripts {
        Some(file) => scripts(file).map_err(|error| format!("{}: {error}", file.display()))?,
        None => Scripts::default(),
    };
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    runtime.block_on(serve(options, Arc::new(State::new(scripts))))
}

async fn serve(options: Options, state: Arc<State>) -> Result<(), String> {
    let failed = |error: io::Error| format!("cannot listen on {}: {error}", options.listen);
    let listener = listen(&options).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let tls = match &options.tls {
        Some(tls) => Some(tls::acceptor(tls, &address.ip().to_string())?),
        None => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    announce(&format!("listening on {scheme}://{address}\n"))
        .map_err(|error| format!("standard output: {error}"))?;
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                tokio::spawn(welcome(socket, tls.clone(), Arc::clone(&state)));
            }
            Err(error) => {
                // Out of descriptors, or the client gave up in the queue: neither may end the server nor spin it.
                crate::complain(&format!("libllm: accept: {error}\n"));
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn listen(options: &Options) -> io::Result<TcpListener> {
    let socket = match options.listen.is_ipv4() {
        true => TcpSocket::new_v4()?,
        false => TcpSocket::new_v6()?,
    };
    // A port that was named may be in TIME_WAIT since the run before.
    socket.set_reuseaddr(true)?;
    socket.bind(options.listen)?;
    socket.listen(BACKLOG)
}

async fn welcome(socket: TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>) {
    // Tokens leave one by one: Nagle would hold each until the one before is acknowledged.
    let _ = socket.set_nodelay(true);
    match tls {
        None => connection::serve(socket, state).await,
        Some(tls) => {
            // A failed handshake is the client's to report.
            if let Ok(socket) = tls.accept(socket).await {
                connection::serve(socket, state).await;
            }
        }
    }
}

fn scripts(file: &Path) -> Result<Scripts, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let named: BTreeMap<String, String> =
        toml::from_str(&text).map_err(|error| error.to_string())?;
    let mut scripts = Scripts::default();
    for (name, script) in &named {
        scripts
            .insert(name, script)
            .map_err(|error| error.to_string())?;
    }
    Ok(scripts)
}

fn announce(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

/// One descriptor a stream: the usual soft limit of 1,024 is far below what one process holds.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it is refused, the old limit serves fewer streams.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Clients that open thousands of streams at once; the kernel takes the lesser of this and its own limit.
const BACKLOG: u32 = 16_384;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
