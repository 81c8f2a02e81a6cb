//! Asks a source once for all who wait, and early: while a credential is still good, those who find it old take it, and one of them
//! asks for the next.

use std::fmt;
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use super::{Control, Credential, Issued, Source};
use crate::clock;
use crate::error::{Error, Result};

/// The credential of one provider.
pub(crate) struct Keeper {
    source: Box<dyn Source>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// Somebody is asking.
    busy: bool,
    /// How often the source was asked, and what came of the last time if it failed.
    turn: u64,
    failed: Option<(u64, Error)>,
    waiting: Vec<Waker>,
}

struct Held {
    issued: Issued,
    /// From then on the next one is asked for.
    old: Option<SystemTime>,
}

/// What a look at the state comes to.
enum Look {
    Take(Credential),
    Fail(Error),
    /// It is mine to ask.
    Ask,
    /// Somebody else is asking, for the n-th time.
    Wait(u64),
}

impl Keeper {
    pub(crate) fn new(source: Box<dyn Source>) -> Keeper {
        Keeper {
            source,
            state: Mutex::default(),
        }
    }

    /// A credential that is good now.
    pub(crate) async fn credential(&self, control: &Control<'_>) -> Result<Credential> {
        let mut waited = None;
        loop {
            match self.look(clock::wall(), waited) {
                Look::Take(credential) => return Ok(credential),
                Look::Fail(error) => return Err(error),
                Look::Ask => break,
                Look::Wait(turn) => {
                    waited = Some(turn);
                    self.over(turn).await;
                }
            }
        }
        let turn = Turn(self);
        let outcome = self.source.issue(control).await;
        let credential = self.end(outcome, clock::wall());
        drop(turn);
        credential
    }

    /// What was issued last, whether it is still good or not.
    pub(crate) fn held(&self) -> Option<Credential> {
        let state = crate::lock(&self.state);
        let held = state.held.as_ref();
        held.map(|held| held.issued.credential.clone())
    }

    fn look(&self, now: SystemTime, waited: Option<u64>) -> Look {
        let mut state = crate::lock(&self.state);
        if let Some(held) = &state.held {
            let is_old = held.old.is_some_and(|old| old <= now);
            let is_good = held.issued.expires.is_none_or(|expires| now < expires);
            if is_good && (!is_old || state.busy) {
                return Look::Take(held.issued.credential.clone());
            }
        }
        if state.busy {
            return Look::Wait(state.turn);
        }
        // Whoever waited for an answer takes it, a refusal too: a crowd must not ask one after another.
        if let (Some(waited), Some((turn, error))) = (waited, &state.failed)
            && *turn == waited
        {
            return Look::Fail(error.clone());
        }
        state.busy = true;
        state.turn += 1;
        Look::Ask
    }

    fn end(&self, outcome: Result<Issued>, now: SystemTime) -> Result<Credential> {
        let mut state = crate::lock(&self.state);
        match outcome {
            Ok(issued) => {
                let credential = issued.credential.clone();
                let old = issued.expires.map(|expires| {
                    let life = expires.duration_since(now).unwrap_or_default();
                    expires - EARLY.min(life / 5)
                });
                state.held = Some(Held { issued, old });
                state.failed = None;
                Ok(credential)
            }
            Err(error) => {
                let good = state
                    .held
                    .as_mut()
                    .filter(|held| held.issued.expires.is_none_or(|expires| now < expires));
                if let Some(held) = good {
                    // Whoever asks waits, so not each request may: the endpoint is left alone for a while.
                    let left = held
                        .issued
                        .expires
                        .and_then(|expires| expires.duration_since(now).ok());
                    held.old = left.map(|left| now + AGAIN.min(left / 5));
                    tracing::warn!(target: "libllm", "a credential was not renewed early: {error}");
                    return Ok(held.issued.credential.clone());
                }
                state.failed = Some((state.turn, error.clone()));
                Err(error)
            }
        }
    }

    /// Ready once the n-th turn is over.
    async fn over(&self, turn: u64) {
        poll_fn(|cx| {
            let mut state = crate::lock(&self.state);
            if !state.busy || state.turn != turn {
                return Poll::Ready(());
            }
            state.waiting.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// A turn ends however whoever asks ends: when it is cancelled, another asks.
struct Turn<'k>(&'k Keeper);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = crate::lock(&self.0.state);
            state.busy = false;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

// Nothing of a credential is printed.
impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

/// How long before its end a credential is renewed: AWS advises five minutes (SDK reference, "IMDS client"), Google's libraries take
/// nearly four. Of one that lives shortly the last fifth.
const EARLY: Duration = Duration::from_secs(300);

/// How long an endpoint is left alone that did not renew a credential early: ten tries within [`EARLY`]. Near the end a fifth of
/// what is left.
const AGAIN: Duration = Duration::from_secs(30);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::executor::block_on;
    use futures::future::{BoxFuture, join_all};

    use super::*;
    use crate::auth::refused;
    use crate::secret::Secret;

    /// Issues token after token, each good for so long, after giving way once; or refuses.
    struct Script {
        asked: Arc<AtomicUsize>,
        life: Duration,
        refuses: bool,
    }

    impl Source for Script {
        fn issue<'a>(&'a self, _control: &'a Control<'a>) -> BoxFuture<'a, Result<Issued>> {
            Box::pin(async {
                let mut gave_way = false;
                poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    match std::mem::replace(&mut gave_way, true) {
                        true => Poll::Ready(()),
                        false => Poll::Pending,
                    }
                })
                .await;
                let number = self.asked.fetch_add(1, Ordering::SeqCst);
                if self.refuses {
                    return Err(refused("no"));
                }
                Ok(Issued {
                    credential: Credential::Token(Secret::from(format!("t{number}"))),
                    expires: Some(clock::wall() + self.life),
                })
            })
        }
    }

    fn keeper(life: u64, refuses: bool) -> (Keeper, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let script = Script {
            asked: asked.clone(),
            life: Duration::from_secs(life),
            refuses,
        };
        (Keeper::new(Box::new(script)), asked)
    }

    fn token(credential: Result<Credential>) -> String {
        match credential.unwrap() {
            Credential::Token(token) => token.expose().to_owned(),
            Credential::Aws(_) => panic!("no keys"),
        }
    }

    #[test]
    fn a_crowd_asks_once() {
        let (keeper, asked) = keeper(3600, false);
        let control = Control::nowhere();
        let all = block_on(join_all((0..50).map(|_| keeper.credential(&control))));
        assert!(all.into_iter().all(|one| token(one) == "t0"));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_refusal_is_told_to_all_who_waited_and_to_no_one_later() {
        let (keeper, asked) = keeper(3600, true);
        let control = Control::nowhere();
        let all = block_on(join_all((0..50).map(|_| keeper.credential(&control))));
        assert!(all.iter().all(Result::is_err));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(block_on(keeper.credential(&control)).is_err());
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn an_old_credential_is_renewed_by_one_while_others_take_it() {
        let (keeper, _) = keeper(3600, false);
        let control = Control::nowhere();
        assert_eq!(token(block_on(keeper.credential(&control))), "t0");
        crate::lock(&keeper.state).held.as_mut().unwrap().old = Some(clock::wall());
        let all = block_on(join_all((0..3).map(|_| keeper.credential(&control))));
        let all: Vec<String> = all.into_iter().map(token).collect();
        assert_eq!(all, ["t1", "t0", "t0"]);
        assert_eq!(token(block_on(keeper.credential(&control))), "t1");
    }

    #[test]
    fn whoever_is_cancelled_leaves_the_turn_to_another() {
        let (keeper, asked) = keeper(3600, false);
        let control = Control::nowhere();
        let mut first = Box::pin(keeper.credential(&control));
        let mut cx = std::task::Context::from_waker(Waker::noop());
        assert!(std::future::Future::poll(first.as_mut(), &mut cx).is_pending());
        drop(first);
        assert_eq!(token(block_on(keeper.credential(&control))), "t0");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn an_endpoint_that_fails_is_left_alone_while_the_credential_is_good() {
        let (mut keeper, _) = keeper(3600, false);
        let control = Control::nowhere();
        assert_eq!(token(block_on(keeper.credential(&control))), "t0");
        let asked = Arc::new(AtomicUsize::new(0));
        keeper.source = Box::new(Script {
            asked: asked.clone(),
            life: Duration::ZERO,
            refuses: true,
        });
        for turn in 1..4 {
            crate::lock(&keeper.state).held.as_mut().unwrap().old = Some(clock::wall());
            for _ in 0..5 {
                assert_eq!(token(block_on(keeper.credential(&control))), "t0");
            }
            assert_eq!(asked.load(Ordering::SeqCst), turn);
        }
        let held = |old: u64, expires: u64| {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(old);
            let mut state = crate::lock(&keeper.state);
            let held = state.held.as_mut().unwrap();
            held.issued.expires = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(expires));
            drop(state);
            keeper.end(Err(refused("no")), now).unwrap();
            let state = crate::lock(&keeper.state);
            let next = state.held.as_ref().unwrap().old.unwrap();
            next.duration_since(now).unwrap()
        };
        assert_eq!(held(100, 1000), AGAIN);
        assert_eq!(held(990, 1000), Duration::from_secs(2));
    }

    #[test]
    fn an_old_credential_serves_while_it_is_good() {
        let (mut keeper, _) = keeper(3600, false);
        let control = Control::nowhere();
        assert_eq!(token(block_on(keeper.credential(&control))), "t0");
        crate::lock(&keeper.state).held.as_mut().unwrap().old = Some(clock::wall());
        keeper.source = Box::new(Script {
            asked: Arc::default(),
            life: Duration::ZERO,
            refuses: true,
        });
        assert_eq!(token(block_on(keeper.credential(&control))), "t0");
        crate::lock(&keeper.state)
            .held
            .as_mut()
            .unwrap()
            .issued
            .expires = Some(clock::wall());
        assert!(block_on(keeper.credential(&control)).is_err());
    }
}
