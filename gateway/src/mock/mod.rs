//! `libllm mock`: a scripted provider on loopback, over real HTTP/1.1. What is answered is `libllm_proto::mock`'s; here are
//! the sockets, the clock and the counts.

mod connection;
mod http1;
mod options;
mod play;
mod route;
mod server;
mod state;
mod tls;

pub(crate) use options::{HELP, Options};
pub(crate) use server::run;
