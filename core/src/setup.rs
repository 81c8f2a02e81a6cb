//! What a configuration came to: one value in one place, so that a request sees one reload or the next, and never parts of both.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Config;
use crate::observe::{Account, Listeners};
use crate::options::Options;
use crate::request::Request;
use crate::store::Redis;
use crate::trace::Trace;
use crate::transport::Transport;

/// What requests are made with that begin now.
pub(crate) struct Setup {
    pub(crate) config: Arc<Config>,
    pub(crate) sockets: Arc<dyn Transport>,
    /// What other processes share with this client, if anything.
    pub(crate) shared: Option<Arc<Redis>>,
    /// Who is told of calls.
    pub(crate) listeners: Option<Arc<Listeners>>,
}

impl Setup {
    /// What is kept of a call for those who are told of it, if anybody is.
    pub(crate) fn account(
        &self,
        request: &Request,
        options: &Options,
        stream: bool,
        began: Instant,
    ) -> (Option<Arc<Trace>>, Option<Box<Account>>) {
        match &self.listeners {
            Some(listeners) => Account::open(listeners, request, options, stream, began),
            None => {
                let carried = options.trace.as_ref().map(Trace::carried);
                (carried.map(Arc::new), None)
            }
        }
    }
}
