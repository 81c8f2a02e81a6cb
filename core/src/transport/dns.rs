//! Names are looked up on one thread of their own: the system's resolver blocks, for seconds when it fails.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::oneshot;

use crate::runtime;

/// Looks names up, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolver {
    queries: Arc<Mutex<Option<mpsc::Sender<Query>>>>,
}

type Addresses = std::vec::IntoIter<SocketAddr>;

#[derive(Debug)]
struct Query {
    host: String,
    answer: oneshot::Sender<io::Result<Addresses>>,
}

impl Resolver {
    fn ask(&self, query: Query) -> io::Result<()> {
        let mut queries = crate::lock(&self.queries);
        let query = match &*queries {
            Some(sender) => match sender.send(query) {
                Ok(()) => return Ok(()),
                Err(returned) => returned.0,
            },
            None => query,
        };
        let (sender, receiver) = mpsc::channel();
        runtime::spawn_thread("llm-dns", move || serve(&receiver))
            .map_err(|error| io::Error::other(error.to_string()))?;
        // The thread was just started and holds the other end.
        let _ = sender.send(query);
        *queries = Some(sender);
        Ok(())
    }
}

// Ends when the resolver is dropped.
fn serve(queries: &mpsc::Receiver<Query>) {
    while let Ok(query) = queries.recv() {
        if query.answer.is_closed() {
            continue;
        }
        let found = (query.host.as_str(), 0).to_socket_addrs();
        // Whoever asked may have given up meanwhile.
        let _ = query
            .answer
            .send(found.map(|addresses| addresses.collect::<Vec<_>>().into_iter()));
    }
}

impl tower_service::Service<Name> for Resolver {
    type Response = Addresses;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Addresses>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (answer, found) = oneshot::channel();
        let asked = self.ask(Query {
            host: name.as_str().to_owned(),
            answer,
        });
        Box::pin(async move {
            asked?;
            found
                .await
                .map_err(|_| io::Error::other("the resolver's thread ended"))?
        })
    }
}
