//! Targets are asked on the library's own account whether they answer, so that no user's request has to find out (`health.probe`).
//!
//! A probe is a call as any other, of one attempt and a few tokens: what it tells goes where every attempt's outcome goes, and a breaker
//! that waits for someone to try takes it for that. It is nobody's: rules, hooks, the cache and what tenants may ask say nothing of it;
//! limits of the provider and the target hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::blocking::Released;
use crate::client::Client;
use crate::clock;
use crate::config::{Config, Key, Limit, Probe};
use crate::error::Result;
use crate::options::Options;
use crate::policy::view::{Figures, Fit};
use crate::queue::Queue;
use crate::request::Request;
use crate::target::Target;
use crate::vitals::Roll;

/// Asks again and again, for as long as there is a client.
pub(crate) async fn run(probe: Probe, client: impl Fn() -> Option<Client> + Send + 'static) {
    // Nobody reads what comes: that it came is all. What has not ended by the next turn is canceled with its queue.
    let mut _asked = None;
    loop {
        clock::sleep(probe.every).await;
        let Some(client) = client() else { return };
        _asked = match turn(probe, &client) {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!(target: "libllm", "targets are not probed: {error}");
                return;
            }
        };
    }
}

fn turn(probe: Probe, client: &Client) -> Result<Option<Released>> {
    let (config, now) = (client.config(), clock::now());
    let due = due(&config, client.roll(), probe, now);
    if due.is_empty() {
        return Ok(None);
    }
    let queue = Released(Queue::new(0)?);
    for target in due {
        let request = Request::new(target.model())
            .user("hi")
            .set("max_tokens", TOKENS);
        let options = Options {
            provider: Some(target.provider().to_owned()),
            timeout: Some(Limit::After(probe.timeout)),
            max_attempts: Some(1),
            no_cache: true,
            probes: true,
            ..Options::default()
        };
        // Whom a configuration has taken away meanwhile, or who lacks a key, is not asked.
        let asked = client.start(&queue.0, request.build()?, &options, 0, true, None, |_| {});
        if let Err(error) = asked {
            tracing::debug!(target: "libllm", to = %target, "not probed: {error}");
        }
    }
    Ok(Some(queue))
}

/// Who is to be asked now, each once: whoever waits for a probe, and those that are well if all are.
fn due(config: &Config, roll: &Arc<Roll>, probe: Probe, now: Instant) -> Vec<Target> {
    let all = config.aliases.values().flat_map(|alias| &alias.targets);
    let named: BTreeMap<&str, &Target> = all.map(|it| (it.name.text(), &it.name)).collect();
    let is_due = |target: &&Target| {
        let provider = config.providers.get(target.provider());
        // A key that the host is asked for is for its requests.
        let keyed = provider.is_some_and(|it| !matches!(it.key, Key::Host | Key::Missing { .. }));
        let fit = roll.of(target.text()).fit(now);
        keyed && (fit == Fit::Probe || probe.all && fit == Fit::Well)
    };
    named.into_values().filter(is_due).cloned().collect()
}

// Models that reason refuse less, and need no more to begin.
const TOKENS: u32 = 16;
