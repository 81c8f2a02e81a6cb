//! The closed loop that every Rust client runs: so many requests in flight until all are done, then one line of figures.
//!
//! Arguments: `BASE unary|stream CONC N_PER_WORKER [WARM [TTFT_US ITL_US]]`. The last two are what BASE's schedule says
//! unless they are given. `BENCH_VERIFY=1` compares every byte of every answer; without it, its length.

use std::error::Error;
use std::future::Future;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Barrier;

use crate::answer;
use crate::measure::{self, Report, Sample};
use crate::schedule::Schedule;

/// Whatever stops a client.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What every client is told.
#[derive(Clone, Debug)]
pub struct Args {
    /// URL up to the dialect's path.
    pub base: String,
    /// Ask for streams.
    pub stream: bool,
    /// Workers, each with one request in flight.
    pub concurrency: usize,
    /// Requests of each worker that are measured.
    pub each: usize,
    /// Requests of each worker before that.
    pub warm: usize,
    /// What the mock will do.
    pub schedule: Schedule,
    planned: (Duration, Duration),
}

impl Args {
    /// Reads the command line.
    pub fn parse(args: impl Iterator<Item = String>) -> Result<Args, Failure> {
        const USAGE: &str = "BASE unary|stream CONC N_PER_WORKER [WARM [TTFT_US ITL_US]]";
        let args: Vec<String> = args.collect();
        let [base, mode, concurrency, each, rest @ ..] = args.as_slice() else {
            return Err(USAGE.into());
        };
        let stream = match mode.as_str() {
            "stream" => true,
            "unary" => false,
            _ => return Err(USAGE.into()),
        };
        let schedule = Schedule::of_url(base).ok_or("BASE has no schedule that the mock knows")?;
        let mut planned = (
            schedule.first,
            if stream {
                schedule.whole()
            } else {
                schedule.first
            },
        );
        if let [_, first, gap] = rest {
            planned.0 = Duration::from_micros(first.parse()?);
            let gaps = if stream && !schedule.at_once {
                schedule.tokens as u32 - 1
            } else {
                0
            };
            planned.1 = planned.0 + Duration::from_micros(gap.parse()?) * gaps;
        }
        Ok(Args {
            base: base.clone(),
            stream,
            concurrency: concurrency.parse()?,
            each: each.parse()?,
            warm: rest.first().map_or(Ok(1), |text| text.parse())?,
            schedule,
            planned,
        })
    }

    /// The body of every request: what a chat with a short system prompt sends.
    pub fn request(&self) -> Bytes {
        let stream = match self.stream {
            true => ",\"stream\":true,\"stream_options\":{\"include_usage\":true}",
            false => "",
        };
        Bytes::from(format!("{{{REQUEST}{stream}}}"))
    }
}

/// The answer that the mock sends, against which a drain compares what it reads.
#[derive(Debug)]
pub struct Expected {
    body: Vec<u8>,
    verify: bool,
}

impl Expected {
    /// The answer to these arguments' requests.
    pub fn new(args: &Args, verify: bool) -> Expected {
        let body = match args.stream {
            true => answer::chat_stream(args.schedule.tokens).bytes,
            false => answer::chat_unary(),
        };
        Expected { body, verify }
    }
}

/// One answer on its way in.
#[derive(Debug)]
pub struct Drain<'a> {
    expected: &'a Expected,
    started: Instant,
    first: Option<Duration>,
    read: usize,
    exact: bool,
}

impl Drain<'_> {
    /// Begins when the request is sent.
    pub fn start(expected: &Expected) -> Drain<'_> {
        Drain {
            expected,
            started: Instant::now(),
            first: None,
            read: 0,
            exact: true,
        }
    }

    /// Takes a piece of the body.
    pub fn piece(&mut self, bytes: &[u8]) {
        if self.first.is_none() {
            self.first = Some(self.started.elapsed());
        }
        if self.expected.verify {
            let end = self.read + bytes.len();
            self.exact &= self.expected.body.get(self.read..end) == Some(bytes);
        }
        self.read += bytes.len();
    }

    /// The body has ended, with this status.
    pub fn end(self, status: u16) -> Sample {
        let total = self.started.elapsed();
        let whole = self.read == self.expected.body.len();
        Sample {
            first: self.first.unwrap_or(total),
            total,
            exact: self.exact && whole && status == 200,
        }
    }
}

/// What a client does, one request at a time.
pub trait Worker: Sized + Send + 'static {
    /// What the client's workers share.
    type Shared: Send + Sync + 'static;

    /// Gets ready; may connect.
    fn new(shared: Arc<Self::Shared>) -> impl Future<Output = Result<Self, Failure>> + Send;

    /// Sends one request and reads its whole answer.
    fn ask(&mut self, expected: &Expected) -> impl Future<Output = Result<Sample, Failure>> + Send;
}

/// Runs the loop on a current-thread runtime and prints the report.
pub fn run<W: Worker>(
    client: &'static str,
    args: Args,
    shared: impl FnOnce(&Args) -> Result<W::Shared, Failure>,
) -> Result<(), Failure> {
    measure::raise_open_files()?;
    let verify = std::env::var_os("BENCH_VERIFY").is_some();
    let expected = Arc::new(Expected::new(&args, verify));
    let shared = Arc::new(shared(&args)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(measured::<W>(client, &args, shared, expected))?;
    writeln!(io::stdout(), "{}", report.line())?;
    Ok(())
}

async fn measured<W: Worker>(
    client: &'static str,
    args: &Args,
    shared: Arc<W::Shared>,
    expected: Arc<Expected>,
) -> Result<Report, Failure> {
    W::new(shared.clone()).await?.ask(&expected).await?;
    let rss_start = measure::status("VmRSS");
    let (warm, go) = (
        Arc::new(Barrier::new(args.concurrency + 1)),
        Arc::new(Barrier::new(args.concurrency + 1)),
    );
    let work = |warm: Arc<Barrier>, go: Arc<Barrier>| {
        let (shared, expected) = (shared.clone(), expected.clone());
        let (warms, each) = (args.warm, args.each);
        async move {
            let mut worker = W::new(shared.clone()).await;
            for _ in 0..warms {
                if let Ok(ready) = &mut worker
                    && ready.ask(&expected).await.is_err()
                {
                    worker = W::new(shared.clone()).await;
                }
            }
            warm.wait().await;
            go.wait().await;
            let mut samples = Vec::with_capacity(each);
            for _ in 0..each {
                match &mut worker {
                    Ok(ready) => match ready.ask(&expected).await {
                        Ok(sample) => samples.push(sample),
                        Err(_) => worker = W::new(shared.clone()).await,
                    },
                    Err(_) => worker = W::new(shared.clone()).await,
                }
            }
            samples
        }
    };
    let tasks: Vec<_> = (0..args.concurrency)
        .map(|_| tokio::spawn(work(warm.clone(), go.clone())))
        .collect();
    warm.wait().await;
    let (cpu, started) = (measure::cpu()?, Instant::now());
    go.wait().await;
    let mut samples = Vec::with_capacity(args.concurrency * args.each);
    for task in tasks {
        samples.extend(task.await?);
    }
    let (cpu, wall) = (measure::cpu()? - cpu, started.elapsed());
    Ok(Report {
        client,
        concurrency: args.concurrency,
        tokens: if args.stream { args.schedule.tokens } else { 0 },
        planned: args.planned,
        failed: args.concurrency * args.each - samples.len(),
        samples,
        cpu,
        wall,
        rss_start,
    })
}

/// `clients/libllm.c` sends the same words.
const REQUEST: &str = "\"model\":\"bench-model\",\"messages\":[\
    {\"role\":\"system\",\"content\":\"You are a careful assistant. Answer in one short paragraph.\"},\
    {\"role\":\"user\",\"content\":\"Why does a stream of tokens cost more than one answer?\"}],\
    \"max_tokens\":256,\"temperature\":0.5";

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Result<Args, Failure> {
        Args::parse(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn the_schedule_is_the_bases_unless_it_is_given() {
        let paced = args("http://127.0.0.1:1/c/1000/20/3/w/v1 stream 10 2").unwrap();
        assert_eq!(
            paced.planned,
            (Duration::from_micros(1000), Duration::from_micros(1040))
        );
        assert_eq!((paced.concurrency, paced.each, paced.warm), (10, 2, 1));
        let given = args("http://127.0.0.1:1/c/1000/20/3/w/v1 stream 10 2 0 500 10").unwrap();
        assert_eq!(
            given.planned,
            (Duration::from_micros(500), Duration::from_micros(520))
        );
        assert!(args("http://127.0.0.1:1 batch 1 1").is_err());
        assert!(args("http://127.0.0.1:1 stream 1").is_err());
    }

    #[test]
    fn a_drain_tells_a_short_or_altered_answer_from_a_whole_one() {
        let args = args("http://127.0.0.1:1/c/0/0/3/a/v1 stream 1 1").unwrap();
        let expected = Expected::new(&args, true);
        let body = expected.body.clone();
        let drained = |bytes: &[u8], status| {
            let mut drain = Drain::start(&expected);
            bytes.chunks(100).for_each(|piece| drain.piece(piece));
            drain.end(status).exact
        };
        assert!(drained(&body, 200));
        assert!(!drained(&body, 500));
        assert!(!drained(&body[..body.len() - 1], 200));
        let mut altered = body.clone();
        altered[200] ^= 1;
        assert!(!drained(&altered, 200));
        let mut longer = body;
        longer.push(b'\n');
        assert!(!drained(&longer, 200));
    }

    #[test]
    fn the_request_is_json_that_asks_for_what_the_mode_says() {
        for mode in ["stream", "unary"] {
            let args = args(&format!("http://127.0.0.1:1 {mode} 1 1")).unwrap();
            let body: serde_json::Value = serde_json::from_slice(&args.request()).unwrap();
            assert_eq!(body["stream"].as_bool().unwrap_or(false), mode == "stream");
        }
    }
}
