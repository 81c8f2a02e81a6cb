//! Names are looked up on threads of their own, one if it is enough: the system's resolver blocks, for seconds when it fails.
//!
//! A second thread helps where the first one waits, up to a few; helpers end when nobody waits any more. Nobody joins these
//! threads: one that is stuck in the system's resolver when the library shuts down is left to it, and touches nothing after.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::oneshot;

use crate::runtime;

/// Looks names up; whoever asks for a name that is being looked up waits for the same answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolver {
    desk: Arc<Owner>,
}

type Addresses = std::vec::IntoIter<SocketAddr>;
type Answer = oneshot::Sender<io::Result<Addresses>>;

/// What the threads share with those who ask, until the last of the latter is gone.
#[derive(Debug, Default)]
struct Owner(Arc<Desk>);

impl Drop for Owner {
    fn drop(&mut self) {
        crate::lock(&self.0.state).closed = true;
        self.0.bell.notify_all();
    }
}

#[derive(Debug, Default)]
struct Desk {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Names that nobody looks up yet, in the order in which they were asked for.
    waiting: VecDeque<String>,
    /// Who waits for a name, looked up or not yet.
    asked: HashMap<String, Vec<Answer>>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Resolver {
    /// The first address of a host, as text.
    pub(crate) async fn first(&self, host: &str) -> Result<String, String> {
        let mut found = self.ask(host).await.map_err(|error| error.to_string())?;
        let first = found.next().ok_or("the name has no address")?;
        Ok(first.ip().to_string())
    }

    pub(super) async fn ask(&self, host: &str) -> io::Result<Addresses> {
        let (answer, found) = oneshot::channel();
        self.queue(host, answer)?;
        found
            .await
            .map_err(|_| io::Error::other("the resolver's thread ended"))?
    }

    fn queue(&self, host: &str, answer: Answer) -> io::Result<()> {
        let desk = &self.desk.0;
        let help = {
            let mut state = crate::lock(&desk.state);
            if let Some(others) = state.asked.get_mut(host) {
                others.push(answer);
                return Ok(());
            }
            state.asked.insert(host.to_owned(), vec![answer]);
            state.waiting.push_back(host.to_owned());
            let help = state.idle < state.waiting.len() && state.threads < THREADS_MAX;
            state.threads += usize::from(help);
            help
        };
        desk.bell.notify_one();
        if !help {
            return Ok(());
        }
        let served = desk.clone();
        runtime::spawn_thread("llm-dns", move || serve(&served)).or_else(|error| {
            let mut state = crate::lock(&desk.state);
            state.threads -= 1;
            // Others will come to it, if there are any.
            if state.threads > 0 {
                return Ok(());
            }
            state.waiting.clear();
            state.asked.clear();
            Err(io::Error::other(error.to_string()))
        })
    }
}

fn serve(desk: &Desk) {
    let mut state = crate::lock(&desk.state);
    loop {
        let Some(host) = state.waiting.pop_front() else {
            // The first thread stays for the next name.
            if state.closed || state.threads > 1 {
                state.threads -= 1;
                desk.bell.notify_all();
                return;
            }
            state.idle += 1;
            state = desk
                .bell
                .wait(state)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            state.idle -= 1;
            continue;
        };
        let wanted = |answers: &Vec<Answer>| answers.iter().any(|answer| !answer.is_closed());
        if !state.asked.get(&host).is_some_and(wanted) {
            state.asked.remove(&host);
            continue;
        }
        drop(state);
        let found = (host.trim_matches(['[', ']']), 0).to_socket_addrs();
        let found: io::Result<Vec<_>> = found.map(Iterator::collect);
        state = crate::lock(&desk.state);
        for answer in state.asked.remove(&host).into_iter().flatten() {
            let same = match &found {
                Ok(addresses) => Ok(addresses.clone().into_iter()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
            // Whoever asked may have given up meanwhile.
            let _ = answer.send(same);
        }
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
        let this = self.clone();
        Box::pin(async move { this.ask(name.as_str()).await })
    }
}

// A name that takes its five seconds to fail must not hold up more than a few others; glibc's own default is two servers, asked
// twice for five seconds each (resolv.conf(5)).
const THREADS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> T {
        futures::executor::block_on(future)
    }

    #[test]
    fn many_ask_and_all_are_answered() {
        let resolver = Resolver::default();
        let asked = (0..200).map(|number| {
            let resolver = resolver.clone();
            async move {
                resolver
                    .ask(["localhost", "127.0.0.1", "[::1]"][number % 3])
                    .await
            }
        });
        for found in now(futures::future::join_all(asked)) {
            assert!(found.unwrap().all(|address| address.ip().is_loopback()));
        }
        let state = crate::lock(&resolver.desk.0.state);
        assert!(
            state.threads <= THREADS_MAX && state.asked.is_empty(),
            "{state:?}"
        );
    }

    #[test]
    fn a_name_that_is_none_is_an_error_for_all_who_ask() {
        let resolver = Resolver::default();
        let asked = (0..3).map(|_| resolver.ask("no such host"));
        for found in now(futures::future::join_all(asked)) {
            assert!(found.is_err());
        }
        assert_eq!(now(resolver.first("127.0.0.1")).unwrap(), "127.0.0.1");
    }

    #[test]
    fn the_threads_end_with_the_last_who_may_ask() {
        let resolver = Resolver::default();
        let desk = resolver.desk.0.clone();
        now(resolver.ask("localhost")).unwrap();
        drop(resolver);
        let mut state = crate::lock(&desk.state);
        while state.threads > 0 {
            state = desk.bell.wait(state).unwrap();
        }
    }
}
