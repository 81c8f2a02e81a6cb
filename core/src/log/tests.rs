use std::sync::mpsc;

use super::*;

/// The sink belongs to the process, and tests share one.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn capture(level: i32) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = lines.clone();
    let log = move |level: i32, target: &str, message: &str| {
        // Other tests log too.
        if message.contains("log test") {
            sink.lock()
                .unwrap()
                .push(format!("{level} {target} {message}"));
        }
    };
    set(level, Some(Arc::new(log))).unwrap();
    lines
}

#[test]
fn lines_up_to_the_level_reach_the_sink_without_keys() {
    let _turn = crate::lock(&ONE_AT_A_TIME);
    let lines = capture(3);
    tracing::info!(target: "libllm", request = 7, to = %"a/b", "log test {}", "Bearer canary-canary");
    tracing::debug!(target: "libllm", "log test, too fine");
    tracing::error!(target: "libllm::call", why = "said \"so\"", "log test");
    tracing::error!(target: "other", "log test of a stranger");
    tracing::error!(target: "libllmx", "log test of a stranger");
    set(5, None).unwrap();
    tracing::error!(target: "libllm", "log test, nobody listens");
    let expected = [
        "3 libllm log test Bearer *** request=7 to=a/b",
        "1 libllm::call log test why=said \"so\"",
    ];
    assert_eq!(*lines.lock().unwrap(), expected);
}

#[test]
fn a_sink_that_logs_does_not_hear_itself_and_cannot_replace_itself() {
    let _turn = crate::lock(&ONE_AT_A_TIME);
    let (sender, outcomes) = mpsc::channel();
    let log = move |_: i32, _: &str, message: &str| {
        if message == "log test inside" {
            tracing::error!(target: "libllm", "log test inside");
            sender
                .send(set(1, None).map_err(|error| error.kind()))
                .unwrap();
        }
    };
    set(1, Some(Arc::new(log))).unwrap();
    tracing::error!(target: "libllm", "log test inside");
    set(0, None).unwrap();
    assert_eq!(
        outcomes.try_iter().collect::<Vec<_>>(),
        [Err(ErrorKind::WouldDeadlock)]
    );
}

#[test]
fn removing_a_sink_waits_until_it_is_not_running() {
    let _turn = crate::lock(&ONE_AT_A_TIME);
    let (entered, wait_entered) = mpsc::channel();
    let (leave, wait_leave) = mpsc::channel::<()>();
    let wait_leave = Mutex::new(wait_leave);
    let left = Arc::new(AtomicU64::new(0));
    let leaving = left.clone();
    let log = move |_: i32, _: &str, message: &str| {
        if message == "log test barrier" {
            entered.send(()).unwrap();
            wait_leave.lock().unwrap().recv().unwrap();
            leaving.store(1, Ordering::SeqCst);
        }
    };
    set(1, Some(Arc::new(log))).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| tracing::error!(target: "libllm", "log test barrier"));
        wait_entered.recv().unwrap();
        let remover = scope.spawn(|| {
            set(0, None).unwrap();
            left.load(Ordering::SeqCst)
        });
        leave.send(()).unwrap();
        assert_eq!(
            remover.join().unwrap(),
            1,
            "returned while the sink was running"
        );
    });
}

#[test]
fn a_panic_in_a_sink_does_not_keep_it_running() {
    let _turn = crate::lock(&ONE_AT_A_TIME);
    let log = |_: i32, _: &str, message: &str| assert_ne!(message, "log test panic");
    set(1, Some(Arc::new(log))).unwrap();
    let panicked =
        std::thread::spawn(|| tracing::error!(target: "libllm", "log test panic")).join();
    assert!(panicked.is_err());
    set(0, None).unwrap();
}

#[test]
fn a_full_queue_loses_lines_and_the_next_one_says_how_many() {
    let slot = Slot::default();
    let queue = Queue::new(600).unwrap();
    let line = "x".repeat(400);
    for _ in 0..3 {
        slot.push(&queue, 2, &line);
    }
    let mut seen = Vec::new();
    let mut take = || {
        seen.clear();
        let poll =
            |event: &crate::queue::Delivered| seen.push((event.index, event.text().to_owned()));
        queue
            .poll(9, Some(std::time::Duration::ZERO), &mut { poll })
            .unwrap();
        seen.clone()
    };
    assert_eq!(take(), [(2, line.clone())]);
    take();
    slot.push(&queue, 2, "y");
    assert_eq!(take(), [(2, "y (after 2 lines that were lost)".to_owned())]);
}

#[test]
fn filters_name_a_level() {
    for (filter, level) in [
        ("debug", Some(4)),
        ("OFF", Some(0)),
        ("hyper=trace", None),
        ("hyper=trace,warn", Some(2)),
        ("error,libllm=trace", Some(5)),
        ("loud", None),
        ("", None),
    ] {
        assert_eq!(level_named(filter), level, "{filter}");
    }
}
