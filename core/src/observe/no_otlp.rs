//! A build without `otlp`: no configuration asks for an exporter, and nothing is kept for one.

use std::sync::Arc;
use std::time::Duration;

use super::{Account, Ended};
use crate::config::Otlp;
use crate::options::Options;
use crate::process::Process;
use crate::request::Request;
use crate::runtime::Engine;
use crate::trace::Trace;
use crate::vitals::Roll;

/// Nobody.
#[derive(Debug)]
pub(crate) struct Exporter;

impl Exporter {
    pub(super) fn open(_: &Otlp, _: &'static Process, _: &Engine, _: &Arc<Roll>) -> Arc<Exporter> {
        Arc::new(Exporter)
    }

    pub(super) fn trace(&self, options: &Options) -> Option<Trace> {
        options.trace.as_ref().map(Trace::carried)
    }

    pub(super) fn tell(&self, _: &Account, _: &Ended<'_>) {}

    pub(super) fn flush(&self, _: Duration) {}
}

/// None of them.
#[derive(Debug, Default)]
pub(crate) struct Exporters;

impl Exporters {
    pub(crate) fn finish(&self, _: Duration) {}
}

/// Nothing.
#[derive(Debug)]
pub(super) struct Asked;

impl Asked {
    pub(super) fn of(_: &Request, _: bool) -> Asked {
        Asked
    }
}
