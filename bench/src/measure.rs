//! What a client measures of itself: CPU and memory of the whole process, latencies, and the one line that says so.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::{TimeVal, TimeValLike};

/// CPU time of the whole process so far, user and system. Only the sum is exact: some kernels sample the split.
pub fn cpu() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = |time: TimeVal| time.num_microseconds().unsigned_abs();
    Ok(Duration::from_micros(
        micros(usage.user_time()) + micros(usage.system_time()),
    ))
}

/// A number of `/proc/self/status`, such as `VmRSS` (kB), `VmHWM` (kB) or `Threads`; 0 where there is no such file.
pub fn status(key: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Allows as many open files as the hard limit does; 9,500 streams need as many descriptors.
pub fn raise_open_files() -> io::Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}

/// One answer as its client saw it.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// From the request to the first byte of the answer's body.
    pub first: Duration,
    /// From the request to the end.
    pub total: Duration,
    /// Whether the body was the one that the mock sent.
    pub exact: bool,
}

/// All that one run has to say.
#[derive(Debug)]
pub struct Report {
    /// The client's name.
    pub client: &'static str,
    /// Requests in flight.
    pub concurrency: usize,
    /// Tokens of one answer; 0 for a unary one.
    pub tokens: usize,
    /// What the mock's schedule takes to the first token, and to the last.
    pub planned: (Duration, Duration),
    /// Every answer of the measured phase.
    pub samples: Vec<Sample>,
    /// Requests that brought no answer.
    pub failed: usize,
    /// CPU time of the measured phase.
    pub cpu: Duration,
    /// Wall time of the measured phase.
    pub wall: Duration,
    /// Resident set after one request, kB.
    pub rss_start: u64,
}

impl Report {
    /// One line of JSON. Counts of the process (threads, peak of the resident set) are taken now.
    pub fn line(&self) -> String {
        let requests = self.samples.len();
        let inexact = self.samples.iter().filter(|sample| !sample.exact).count();
        let tokens = (requests - inexact) * self.tokens;
        let per = |count: usize| self.cpu.as_secs_f64() * 1e6 / count.max(1) as f64;
        let peak = status("VmHWM");
        let grown = peak.saturating_sub(self.rss_start) as f64 / self.concurrency as f64;
        let mut line = format!(
            "{{\"client\":\"{}\",\"concurrency\":{},\"requests\":{requests},\"failed\":{},\"inexact\":{inexact},\
             \"tokens\":{tokens},\"wall_ms\":{},\"cpu_us\":{},\"cpu_us_per_request\":{:.3}",
            self.client,
            self.concurrency,
            self.failed,
            self.wall.as_millis(),
            self.cpu.as_micros(),
            per(requests),
        );
        if tokens > 0 {
            let _ = write!(line, ",\"cpu_us_per_token\":{:.4}", per(tokens));
        }
        let first = self.samples.iter().map(|sample| sample.first).collect();
        let total = self.samples.iter().map(|sample| sample.total).collect();
        for (name, values, planned) in [
            ("first", first, self.planned.0),
            ("total", total, self.planned.1),
        ] {
            let [p50, p99, max] = added(values, planned);
            let _ = write!(
                line,
                ",\"added_{name}_us\":{{\"p50\":{p50},\"p99\":{p99},\"max\":{max}}}"
            );
        }
        let _ = write!(
            line,
            ",\"rss_start_kb\":{},\"rss_peak_kb\":{peak},\"rss_kb_per_stream\":{grown:.2},\"threads\":{}}}",
            self.rss_start,
            status("Threads"),
        );
        line
    }
}

/// Median, 99th percentile and maximum beyond what was planned, in microseconds.
fn added(mut values: Vec<Duration>, planned: Duration) -> [i64; 3] {
    values.sort_unstable();
    let at = |share: f64| {
        let index = ((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1));
        let value = values.get(index).copied().unwrap_or(planned);
        value.as_micros() as i64 - planned.as_micros() as i64
    };
    [at(0.5), at(0.99), at(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_added() {
        let values = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(
            added(values, Duration::from_millis(1)),
            [50_000, 99_000, 99_000]
        );
        assert_eq!(added(Vec::new(), Duration::from_millis(1)), [0, 0, 0]);
    }

    #[test]
    fn a_report_is_one_line_of_json_that_counts_what_was_wrong() {
        let sample = |exact| Sample {
            first: Duration::from_millis(3),
            total: Duration::from_millis(5),
            exact,
        };
        let report = Report {
            client: "x",
            concurrency: 2,
            tokens: 10,
            planned: (Duration::from_millis(1), Duration::from_millis(2)),
            samples: vec![sample(true), sample(false), sample(true)],
            failed: 4,
            cpu: Duration::from_micros(60),
            wall: Duration::from_millis(7),
            rss_start: 0,
        };
        let line: serde_json::Value = serde_json::from_str(&report.line()).unwrap();
        assert_eq!(line["inexact"], 1);
        assert_eq!(line["failed"], 4);
        assert_eq!(line["tokens"], 20);
        assert_eq!(line["cpu_us_per_request"], 20.0);
        assert_eq!(line["cpu_us_per_token"], 3.0);
        assert_eq!(line["added_first_us"]["p50"], 2000);
        assert_eq!(line["added_total_us"]["max"], 3000);
        assert!(line["rss_peak_kb"].as_u64().unwrap() > 0);
        assert!(line["threads"].as_u64().unwrap() > 0);
    }

    #[test]
    fn cpu_time_only_grows() {
        let before = cpu().unwrap();
        let sum = (0..2_000_000u64).fold(0, |sum: u64, n| sum.wrapping_mul(31).wrapping_add(n));
        assert!(std::hint::black_box(sum) != 1 && cpu().unwrap() >= before);
    }
}
