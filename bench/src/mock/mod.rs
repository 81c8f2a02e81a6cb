//! A provider that costs next to nothing: one thread, epoll, answers built once. For measuring clients, not for users:
//! theirs is `libllm mock`, which has scripts, faults and both dialects.

mod conn;
mod plan;
mod request;
mod stats;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{Backlog, listen};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::answer;
use crate::schedule::Schedule;
use conn::{Answer, Conn, Next};
use plan::Plan;
use stats::Stats;

/// The server. [`Server::run`] never returns but with an error.
#[derive(Debug)]
pub struct Server {
    epoll: Epoll,
    timer: TimerFd,
    /// When the timer rings, if it is set.
    alarm: Option<Instant>,
    listeners: Vec<TcpListener>,
    conns: Vec<Option<Conn>>,
    free: Vec<usize>,
    /// Due writes: when, which connection, which generation of it.
    due: BinaryHeap<Reverse<(Instant, usize, u32)>>,
    plans: HashMap<(usize, bool), Rc<Plan>>,
    unary: Rc<Plan>,
    generation: u32,
    stats: Stats,
}

impl Server {
    /// Listens on 127.0.0.1 to 127.0.0.`addresses`, all on one port (0: a free one). Several addresses keep ports that
    /// wait out their TIME_WAIT from running out when thousands of connections come and go.
    pub fn bind(port: u16, addresses: u8) -> io::Result<Server> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        let mut listeners: Vec<TcpListener> = Vec::new();
        for last in 1..=addresses.max(1) {
            let port = match listeners.first() {
                Some(first) => first.local_addr()?.port(),
                None => port,
            };
            let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), port))?;
            // std asks for a backlog of 128; thousands connect at once here. Linux lets a socket listen again.
            listen(&listener, Backlog::MAXCONN)?;
            listener.set_nonblocking(true)?;
            epoll.add(
                &listener,
                EpollEvent::new(EpollFlags::EPOLLIN, LISTENERS + u64::from(last)),
            )?;
            listeners.push(listener);
        }
        Ok(Server {
            epoll,
            timer,
            alarm: None,
            listeners,
            conns: Vec::new(),
            free: Vec::new(),
            due: BinaryHeap::new(),
            plans: HashMap::new(),
            unary: Rc::new(Plan::unary()),
            generation: 0,
            stats: Stats::default(),
        })
    }

    /// The first address.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listeners[0].local_addr()
    }

    /// Serves.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = vec![EpollEvent::empty(); 512];
        let mut scratch = vec![0; 64 * 1024];
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for event in &events[..count] {
                match event.data() {
                    TIMER => {
                        self.timer.wait()?;
                        self.alarm = None;
                    }
                    listener if listener >= LISTENERS => {
                        self.accept((listener - LISTENERS) as usize - 1)?
                    }
                    conn => self.ready(conn as usize, event.events(), &mut scratch),
                }
            }
            self.write_due();
            self.set_alarm()?;
        }
    }

    fn accept(&mut self, listener: usize) -> io::Result<()> {
        loop {
            match self.listeners[listener].accept() {
                Ok((socket, _)) => self.admit(socket)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn admit(&mut self, socket: TcpStream) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        // Without it Nagle and delayed acknowledgements add 40 ms to a short stream.
        socket.set_nodelay(true)?;
        let index = self.free.pop().unwrap_or_else(|| {
            self.conns.push(None);
            self.conns.len() - 1
        });
        let flags = EpollFlags::EPOLLIN
            | EpollFlags::EPOLLOUT
            | EpollFlags::EPOLLRDHUP
            | EpollFlags::EPOLLET;
        self.epoll
            .add(&socket, EpollEvent::new(flags, index as u64))?;
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        self.conns[index] = Some(Conn {
            socket,
            generation,
            input: Vec::new(),
            answer: None,
        });
        self.stats.connect();
        Ok(())
    }

    fn ready(&mut self, index: usize, flags: EpollFlags, scratch: &mut [u8]) {
        let Some(conn) = self.conns.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        let mut next = Next::Wait;
        if flags.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP) {
            next = conn.read(scratch);
            if flags.contains(EpollFlags::EPOLLRDHUP) {
                next = Next::Closed;
            }
        }
        if next != Next::Closed && conn.answer.is_some() {
            next = conn.flush(&mut self.stats);
        }
        self.after(index, next);
        self.answer_requests(index);
    }

    /// Answers what waits in the connection's input, one request after the other.
    fn answer_requests(&mut self, index: usize) {
        while let Some(conn) = self.conns.get_mut(index).and_then(Option::as_mut)
            && conn.answer.is_none()
            && !conn.input.is_empty()
        {
            let now = Instant::now();
            let input = std::mem::take(&mut conn.input);
            let (plan, schedule, rest) = match request::parse(&input) {
                Ok(None) => {
                    conn.input = input;
                    return;
                }
                Ok(Some(request)) => {
                    let (plan, schedule) = self.choose(&request);
                    (plan, schedule, input[request.len..].to_vec())
                }
                Err(why) => (
                    Rc::new(Plan::refusal("400 Bad Request", why)),
                    AT_ONCE,
                    Vec::new(),
                ),
            };
            let Some(conn) = self.conns[index].as_mut() else {
                return;
            };
            conn.input = rest;
            let chat = plan.chat;
            conn.answer = Some(Answer::new(plan, now + schedule.first, schedule.gap));
            if chat {
                self.stats.begin();
            }
            self.advance(index, now);
        }
    }

    fn choose(&mut self, request: &request::Request<'_>) -> (Rc<Plan>, Schedule) {
        let json = |body: String| Rc::new(Plan::whole("application/json", body.as_bytes()));
        let plain = |body: String| Rc::new(Plan::whole("text/plain", body.as_bytes()));
        let Some(schedule) = Schedule::of_path(request.path) else {
            return (
                Rc::new(Plan::refusal("404 Not Found", "no such schedule")),
                AT_ONCE,
            );
        };
        match (request.method, request.path) {
            ("GET", "/stats") => (json(self.stats.json()), AT_ONCE),
            ("DELETE", "/stats") => {
                self.stats.reset();
                (json(self.stats.json()), AT_ONCE)
            }
            ("GET", path) if path.ends_with("/text") => {
                (plain(answer::text(schedule.tokens)), AT_ONCE)
            }
            ("GET", path) if path.ends_with("/unary-text") => {
                (plain(answer::unary_text()), AT_ONCE)
            }
            ("POST", path) if path.ends_with("/chat/completions") => {
                if !request.wants_stream() {
                    return (
                        self.unary.clone(),
                        Schedule {
                            gap: Duration::ZERO,
                            ..schedule
                        },
                    );
                }
                let key = (schedule.tokens, schedule.at_once);
                let plan = self.plans.entry(key);
                (
                    plan.or_insert_with(|| Rc::new(Plan::stream(key.0, key.1)))
                        .clone(),
                    schedule,
                )
            }
            _ => (
                Rc::new(Plan::refusal("404 Not Found", "no such path")),
                AT_ONCE,
            ),
        }
    }

    fn write_due(&mut self) {
        if self.due.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(&Reverse((at, index, generation))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            if self.conns[index]
                .as_ref()
                .is_some_and(|conn| conn.generation == generation)
            {
                self.advance(index, now);
                self.answer_requests(index);
            }
        }
    }

    /// Releases what is due, notes what is not, writes.
    fn advance(&mut self, index: usize, now: Instant) {
        let Some(conn) = self.conns[index].as_mut() else {
            return;
        };
        let Some(answer) = conn.answer.as_mut() else {
            return;
        };
        if let Some(at) = answer.release(now, &mut self.stats) {
            self.due.push(Reverse((at, index, conn.generation)));
        }
        let next = conn.flush(&mut self.stats);
        self.after(index, next);
    }

    fn after(&mut self, index: usize, next: Next) {
        match next {
            Next::Wait => {}
            Next::Finished { chat } => self.stats.live -= u64::from(chat),
            Next::Closed => {
                // Dropping the socket takes it out of epoll.
                if let Some(conn) = self.conns[index].take() {
                    self.free.push(index);
                    self.stats.connections -= 1;
                    if conn.answer.is_some_and(|answer| answer.plan.chat) {
                        self.stats.live -= 1;
                        self.stats.closed_by_client += 1;
                    }
                }
            }
        }
    }

    fn set_alarm(&mut self) -> io::Result<()> {
        let Some(&Reverse((at, ..))) = self.due.peek() else {
            return Ok(());
        };
        if self.alarm.is_some_and(|alarm| alarm <= at) {
            return Ok(());
        }
        // A zero would disarm the timer.
        let wait = at
            .saturating_duration_since(Instant::now())
            .max(Duration::from_nanos(1));
        self.timer.set(
            Expiration::OneShot(TimeSpec::from_duration(wait)),
            TimerSetTimeFlags::empty(),
        )?;
        self.alarm = Some(at);
        Ok(())
    }
}

const TIMER: u64 = u64::MAX;
const LISTENERS: u64 = 1 << 32;
const AT_ONCE: Schedule = Schedule {
    first: Duration::ZERO,
    gap: Duration::ZERO,
    tokens: 1,
    at_once: true,
};
