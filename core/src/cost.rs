//! What an answer cost: what the provider says, else its tokens at the catalog's prices, else nobody knows, which is never 0.

use std::sync::Arc;

use libllm_proto::catalog::{Price, Service, Unit};
use libllm_proto::event::Usage;

use crate::catalog::Catalog;
use crate::config;
use crate::request::Request;
use crate::target::Target;

/// A cost, and who says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// In millionths of a US dollar, rounded up: what costs anything is not 0.
    pub(crate) microusd: Option<u64>,
    pub(crate) source: Source,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Source {
    Provider,
    /// The catalog, or the target's own `price`.
    Catalog,
    /// It was there already.
    Cache,
    #[default]
    Unknown,
}

impl Source {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Source::Provider => "provider",
            Source::Catalog => "catalog",
            Source::Cache => "cache",
            Source::Unknown => "unknown",
        }
    }
}

impl Cost {
    /// Of both; nobody knows if nobody knows of one.
    pub(crate) fn and(self, other: Cost) -> Cost {
        let both = self.microusd.zip(other.microusd);
        match both {
            Some((one, other)) => Cost {
                microusd: Some(one.saturating_add(other)),
                source: self.source,
            },
            None => Cost::default(),
        }
    }

    /// Of an answer that another request has paid for.
    pub(crate) fn nothing() -> Cost {
        Cost {
            microusd: Some(0),
            source: Source::Cache,
        }
    }
}

/// What is known before a call is made, to say at its end what it cost.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    catalog: Arc<Catalog>,
    service: Service,
}

impl Meter {
    pub(crate) fn new(catalog: &Arc<Catalog>, request: &Request) -> Meter {
        // What was asked for; few providers say what it became.
        let tier = request.field("service_tier").unwrap_or_default();
        let tier = std::str::from_utf8(tier).unwrap_or_default();
        Meter {
            catalog: catalog.clone(),
            service: Service::from_tier(tier.trim_matches('"')),
        }
    }

    /// What so many tokens would come to, in millionths of a dollar; 0 if nobody knows. Asked of every target that a request may go to.
    pub(crate) fn ahead(
        &self,
        prompt: u64,
        answer: u64,
        target: &Target,
        own: Option<&config::Price>,
    ) -> u64 {
        let of = |price: &Price| ahead(price, prompt, answer, self.service);
        match own {
            Some(own) => of(own.rates()),
            None => self
                .catalog
                .model(target)
                .map_or(0, |known| of(&known.price)),
        }
    }

    /// What the last target's usage cost; `own` is its price where that is not everybody's.
    pub(crate) fn cost(
        &self,
        usage: Option<&Usage>,
        target: &Target,
        own: Option<&config::Price>,
    ) -> Cost {
        if let Some(own) = own {
            return cost(usage, Some(own.rates()), self.service);
        }
        // Who says it need not be looked up.
        let known = usage.filter(|usage| usage.cost_microusd.is_none());
        let known = known.and_then(|_| self.catalog.model(target));
        cost(
            usage,
            known.as_deref().map(|known| &known.price),
            self.service,
        )
    }
}

/// What this usage cost at this price, if there is one.
pub(crate) fn cost(usage: Option<&Usage>, price: Option<&Price>, service: Service) -> Cost {
    let Some(usage) = usage else {
        return Cost::default();
    };
    let said = usage.cost_microusd.map(|said| (said, Source::Provider));
    let made = || Some((microusd(price?, usage, service)?, Source::Catalog));
    match said.or_else(made) {
        Some((microusd, source)) => Cost {
            microusd: Some(microusd),
            source,
        },
        None => Cost::default(),
    }
}

// As `microusd`, of tokens that are all of the plain kind.
fn ahead(price: &Price, prompt: u64, answer: u64, service: Service) -> u64 {
    let only = price.only();
    let rate = |unit| match only {
        Some(rates) => rates.get(unit),
        None => price.rate(service, prompt, unit),
    };
    let rates = [
        (prompt, Unit::Input),
        (answer, Unit::Output),
        (1, Unit::PerRequest),
    ];
    let rates = rates.map(|(count, unit)| (count, rate(unit).unwrap_or(0)));
    // Nearly always it fits into a word, of which a quotient is a tenth of the work.
    let small = rates.iter().try_fold(0u64, |sum, (count, rate)| {
        sum.checked_add(count.checked_mul(*rate)?)
    });
    if let Some(sum) = small {
        return sum.div_ceil(PICO_IN_MICRO as u64);
    }
    let parts = rates.map(|(count, rate)| u128::from(count) * u128::from(rate));
    let sum = parts.into_iter().fold(0u128, u128::saturating_add);
    u64::try_from(sum.div_ceil(PICO_IN_MICRO)).unwrap_or(u64::MAX)
}

/// Tokens at a price; nothing if tokens that cost something were not counted, or have no price.
pub(crate) fn microusd(price: &Price, usage: &Usage, service: Service) -> Option<u64> {
    let prompt = usage.prompt_tokens?;
    let rate = |unit| price.rate(service, prompt, unit);
    // Who bills searches, images or seconds bills nothing that is counted here.
    let (input, output) = (rate(Unit::Input), rate(Unit::Output));
    let tokens_cost = input > Some(0) || output > Some(0);
    if input.or(output).is_none() || !tokens_cost && bills_otherwise(price) {
        return None;
    }
    let mut sum = 0u128;
    let mut add = |tokens: u64, units: &[Unit]| -> Option<()> {
        if tokens > 0 {
            let rate = units.iter().find_map(|unit| rate(*unit))?;
            sum += u128::from(tokens) * u128::from(rate);
        }
        Some(())
    };

    // What the cache read or wrote, and sound, is part of the prompt, whatever the wire says (event::Usage).
    let mut left = prompt;
    let mut take = |tokens: Option<u64>| {
        let tokens = tokens.unwrap_or(0).min(left);
        left -= tokens;
        tokens
    };
    add(take(usage.cached_tokens), &[Unit::CacheRead, Unit::Input])?;
    let written = take(usage.cache_write_tokens);
    let for_an_hour = usage.cache_write_hour_tokens.unwrap_or(0).min(written);
    let write = [Unit::CacheWrite, Unit::Input];
    add(written - for_an_hour, &write)?;
    add(
        for_an_hour,
        &[Unit::CacheWriteHour, Unit::CacheWrite, Unit::Input],
    )?;
    add(
        take(usage.audio_prompt_tokens),
        &[Unit::AudioIn, Unit::Input],
    )?;
    add(left, &[Unit::Input])?;

    let completion = match (usage.completion_tokens, output) {
        (Some(tokens), _) => tokens,
        // Embeddings have no answer to count.
        (None, None | Some(0)) => 0,
        (None, Some(_)) => return None,
    };
    let reasoning = usage.reasoning_tokens.unwrap_or(0);
    // Some count reasoning beside the answer, which their total shows (xAI API reference, "usage").
    let beside = reasoning > 0
        && usage.total_tokens == Some(prompt.saturating_add(completion).saturating_add(reasoning));
    let mut left = completion.saturating_add(if beside { reasoning } else { 0 });
    let mut take = |tokens: Option<u64>| {
        let tokens = tokens.unwrap_or(0).min(left);
        left -= tokens;
        tokens
    };
    add(take(Some(reasoning)), &[Unit::Reasoning, Unit::Output])?;
    add(
        take(usage.audio_completion_tokens),
        &[Unit::AudioOut, Unit::Output],
    )?;
    add(left, &[Unit::Output])?;

    let sum = sum + u128::from(rate(Unit::PerRequest).unwrap_or(0));
    u64::try_from(sum.div_ceil(PICO_IN_MICRO)).ok()
}

/// Whether tokens are for nothing and something else is not.
fn bills_otherwise(price: &Price) -> bool {
    let positive = |units: &[Unit]| {
        price.tiers().iter().any(|tier| {
            units
                .iter()
                .any(|unit| tier.rates.get(*unit).is_some_and(|rate| rate > 0))
        })
    };
    !positive(&[Unit::Input, Unit::Output])
        && positive(&[
            Unit::PerImageIn,
            Unit::PerImage,
            Unit::ImageOut,
            Unit::PerSecondIn,
            Unit::PerSecond,
            Unit::PerCharIn,
            Unit::PerChar,
            Unit::PerQuery,
        ])
}

const PICO_IN_MICRO: u128 = 1_000_000;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
