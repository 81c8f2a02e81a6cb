//! What the mock saw, for `GET /stats`.

use std::time::Duration;

use crate::measure;

#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) requests: u64,
    pub(super) live: u64,
    pub(super) live_peak: u64,
    pub(super) connections: u64,
    pub(super) connections_peak: u64,
    /// Connections that ended before their answer did.
    pub(super) closed_by_client: u64,
    pub(super) writes: u64,
    /// Writes that the client's receive window cut short.
    pub(super) writes_short: u64,
    /// The most that a write was behind its schedule: when this is large, latencies are the mock's.
    pub(super) late: Duration,
}

impl Stats {
    pub(super) fn begin(&mut self) {
        self.requests += 1;
        self.live += 1;
        self.live_peak = self.live_peak.max(self.live);
    }

    pub(super) fn connect(&mut self) {
        self.connections += 1;
        self.connections_peak = self.connections_peak.max(self.connections);
    }

    pub(super) fn json(&self) -> String {
        let cpu = measure::cpu().unwrap_or_default();
        format!(
            "{{\"requests\":{},\"live\":{},\"live_peak\":{},\"connections\":{},\"connections_peak\":{},\
             \"closed_by_client\":{},\"writes\":{},\"writes_short\":{},\"late_us_max\":{},\"cpu_us\":{}}}",
            self.requests,
            self.live,
            self.live_peak,
            self.connections,
            self.connections_peak,
            self.closed_by_client,
            self.writes,
            self.writes_short,
            self.late.as_micros(),
            cpu.as_micros(),
        )
    }

    /// Starts counting anew; what is open stays open.
    pub(super) fn reset(&mut self) {
        let (live, connections) = (self.live, self.connections);
        let open = Stats {
            live,
            live_peak: live,
            connections,
            connections_peak: connections,
            ..Stats::default()
        };
        *self = open;
    }
}
