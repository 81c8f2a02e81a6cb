//! From names to groups of candidates: rules are asked, splits drawn, aliases opened, and of each group one is chosen to be asked
//! first.

use std::time::Instant;

use super::members::{self, Members, Wanted};
use super::{Named, Plan, no_model, permit, wrong};
use crate::clock;
use crate::config::{Affinity, Alias, Rule, split_model};
use crate::earlier;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::cause::Cause;
use crate::policy::route::{Ask, Strategy};
use crate::policy::rule::Facts;
use crate::policy::split;
use crate::route::{CANDIDATES_MAX, Candidates, First, Group, Pin};
use crate::target::Target;
use crate::wish;

pub(super) struct Groups<'g, 'p> {
    plan: &'g Plan<'p>,
    made: Candidates,
    wanted: Wanted<'g>,
    rule: Option<&'p Rule>,
    /// What the request asks for by its own words.
    strategy: Option<Strategy>,
    /// The first target's provider.
    home: Option<String>,
    now: Instant,
}

impl<'g, 'p> Groups<'g, 'p> {
    pub(super) fn of(plan: &'g Plan<'p>) -> Result<Candidates> {
        let strategy = match plan.options.strategy {
            None => plan.wish.strategy()?,
            said => said,
        };
        let mut groups = Groups {
            plan,
            made: Candidates::new(ask(plan)),
            wanted: Wanted {
                tags: &[],
                tenant: plan.options.tenant.as_deref(),
                wish: &plan.wish,
            },
            rule: None,
            strategy,
            home: None,
            now: clock::now(),
        };
        groups.primary()?;
        if groups.made.all.is_empty() {
            return Err(groups.nobody());
        }
        if plan.wish.insists() {
            groups.made.keep_first();
            return Ok(groups.made);
        }
        for name in &plan.options.fallbacks {
            let added = groups.name(name, Some(Cause::Any));
            added.map_err(|error| error.context("fallbacks"))?;
        }
        Ok(groups.made)
    }

    /// What the request itself names, or a rule for it; an alias brings its fallbacks.
    fn primary(&mut self) -> Result<()> {
        let plan = self.plan;
        let model = plan.request.model().filter(|model| !model.is_empty());
        if let Some(provider) = plan.options.provider.as_deref() {
            let model = match plan.operation.needs_model() {
                true => model.ok_or_else(no_model)?,
                false => model.unwrap_or_default(),
            };
            permit::check(plan, model)?;
            return self.one(&Named::plain(&Target::new(provider, model)), None);
        }
        let models = &plan.wish.models;
        let model = model
            .or(models.first().map(String::as_str))
            .or(plan.config.default_model.as_deref())
            .ok_or_else(no_model)?;
        let (model, suffix) = wish::suffix(plan.config, model);
        permit::check(plan, model)?;
        self.strategy = self.strategy.or(suffix);
        self.rule = self.rule_for(model);
        let then = self.rule.map(|rule| &rule.then);
        if let Some(then) = then {
            self.wanted.tags = &then.tags;
            self.strategy = self.strategy.or(then.strategy);
        }
        let other = then.and_then(|then| then.model.as_deref());
        let name = self.branch(other.unwrap_or(model));
        match then.filter(|then| !then.targets.is_empty()) {
            Some(then) => self.listed(name, &then.targets)?,
            None => self.name(name, None)?,
        }
        // What a rule says of targets is said of those that it was made for.
        self.wanted.tags = &[];
        for name in models.iter().filter(|name| *name != model) {
            let start = self.made.groups.len();
            let added = self.name(name, Some(Cause::Any));
            added.map_err(|error| error.context("models"))?;
            self.made.groups[start..]
                .iter_mut()
                .for_each(|group| group.always = true);
        }
        self.fallbacks(name)?;
        match name == model {
            true => Ok(()),
            false => self.fallbacks(model),
        }
    }

    fn fallbacks(&mut self, name: &str) -> Result<()> {
        let Some(alias) = self.plan.config.aliases.get(name) else {
            return Ok(());
        };
        let known = members::known(self.plan, alias);
        self.made.groups.reserve_exact(known.spares.len());
        for spare in &known.spares {
            match &spare.target {
                Some((target, vitals)) => self.one(
                    &Named {
                        vitals: Some(vitals),
                        ready: Some(&spare.ready),
                        ..Named::plain(target)
                    },
                    Some(spare.after),
                )?,
                None => self.name(&spare.name, Some(spare.after))?,
            }
        }
        Ok(())
    }

    fn rule_for(&mut self, model: &str) -> Option<&'p Rule> {
        let (config, options) = (self.plan.config, self.plan.options);
        let facts = Facts {
            tenant: options.tenant.as_deref(),
            tags: &options.tags,
            metadata: &options.metadata,
            operation: self.plan.operation.name(),
            model,
            region: config.region.as_deref(),
        };
        let found = config
            .rules
            .iter()
            .position(|rule| rule.when.fits(&facts))?;
        let rule = &config.rules[found];
        self.made.notes.rule = Some(found);
        self.made.notes.priority = rule.then.priority;
        Some(rule)
    }

    /// Where a split sends this request: the same session, or else the same user, always to the same place.
    fn branch<'n>(&mut self, name: &'n str) -> &'n str
    where
        'p: 'n,
    {
        let Some(alias) = self.plan.config.aliases.get(name) else {
            return name;
        };
        if alias.split.is_empty() {
            return name;
        }
        let session = self.plan.options.session.as_deref().map(str::as_bytes);
        let number = match session.or_else(|| self.plan.request.field("user")) {
            Some(key) => split::hash(&[name.as_bytes(), key]),
            None => fastrand::u64(..),
        };
        let shares = alias.split.iter().map(|branch| branch.percent);
        let index = split::part(shares, number);
        self.made.notes.branch = Some(alias.split[index].to.clone());
        alias.split.get(index).map_or(name, |branch| &branch.to)
    }

    /// The targets of an alias, or the one target that a model names.
    fn name(&mut self, name: &str, after: Option<Cause>) -> Result<()> {
        let config = self.plan.config;
        let (name, suffix) = wish::suffix(config, name);
        let Some(alias) = config.aliases.get(name) else {
            let found = split_model(name);
            let (provider, _) = found.ok_or_else(|| wrong(config.no_such_model(name)))?;
            let target = Target::written(name, provider.len());
            return self.one(&Named::plain(&target), after);
        };
        // A fallback's split has no reason to be drawn for a request that was meant for another name.
        if let Some(first) = alias.split.first() {
            return self.name(&first.to, after);
        }
        let own = suffix.unwrap_or(alias.strategy);
        let strategy = match after {
            None => self.strategy.unwrap_or(own),
            Some(_) => own,
        };
        if after.is_none() {
            (self.made.hedge, self.made.race) = (alias.hedge, alias.race);
        }
        self.alias(name, alias, strategy, after)
    }

    fn one(&mut self, named: &Named<'_>, after: Option<Cause>) -> Result<()> {
        let start = self.made.all.len();
        let wish = &self.plan.wish;
        let price = || self.plan.rate(named.target);
        let price = wish.has_max_price().then(price).flatten();
        if wish.rank(named.target.provider(), price).is_some() {
            self.made.all.reserve_exact(1);
            self.add(named)?;
        }
        self.close(start, Strategy::Order, after);
        Ok(())
    }

    /// Targets that a rule lists, in the place of the alias's.
    fn listed(&mut self, name: &str, targets: &[String]) -> Result<()> {
        let alias = self.plan.config.aliases.get(name);
        let own = alias.map_or(Strategy::Order, |alias| alias.strategy);
        let listed = Alias::of(targets);
        self.alias(name, &listed, self.strategy.unwrap_or(own), None)
    }

    fn alias(
        &mut self,
        name: &str,
        alias: &Alias,
        strategy: Strategy,
        after: Option<Cause>,
    ) -> Result<()> {
        let start = self.made.all.len();
        if after.is_none() {
            self.prepare(name, alias, strategy);
        }
        let members = Members::of(self.plan, alias, strategy, &self.wanted);
        let (first, how) = match after {
            None => self.favourite(&members),
            Some(_) => (None, First::Chosen),
        };
        if after.is_none() {
            self.made.notes.first = how;
        }
        let order = members.order(strategy, &self.made.ask, first, self.now);
        // No room for more: it stays taken in every call that waits, and a candidate is large.
        let fallbacks = match after {
            None => alias.fallbacks.names().count(),
            Some(_) => 0,
        };
        self.made.all.reserve_exact(order.len() + fallbacks);
        for at in order {
            let (index, side) = members.at(at);
            let target = &alias.targets[index];
            self.add(&Named {
                target: &target.name,
                timeouts: target.timeouts,
                price: target.price.as_ref(),
                side,
                vitals: members.vitals(index),
                room: members.room(index),
                ready: members.ready(index),
            })?;
        }
        self.close(start, strategy, after);
        Ok(())
    }

    /// What a strategy needs to know of the request, and what of the request stays where it was.
    fn prepare(&mut self, name: &str, alias: &Alias, strategy: Strategy) {
        let plan = self.plan;
        let tally = || {
            let known = members::known(plan, alias);
            known.tally.get_or_init(|| plan.learnt.routes.of(name))
        };
        if strategy == Strategy::RoundRobin {
            let tally = tally();
            self.made.ask.turn = match plan.options.explains() {
                true => tally.turns(),
                false => tally.turn(),
            };
        }
        if strategy == Strategy::Score {
            let tally = tally();
            self.made.ask.cost_weight = tally.cost_weight(&alias.score);
            if !plan.options.explains() {
                self.made.tally = Some((tally.clone(), alias.score));
            }
        }
        let key = match alias.affinity {
            Affinity::Off => None,
            Affinity::Session => plan.options.session.as_deref().map(str::as_bytes),
            Affinity::Prefix => earlier::beginning(plan.request),
        };
        self.made.pin = key.map(|key| {
            let tenant = self.wanted.tenant.unwrap_or_default();
            Pin {
                key: split::hash(&[name.as_bytes(), tenant.as_bytes(), key]),
                routes: plan.learnt.routes.clone(),
            }
        });
    }

    /// Who must be asked if it can be: who sealed what the request brings, then who answered last.
    fn favourite(&self, members: &Members<'_>) -> (Option<usize>, First) {
        if let Some(owner) = earlier::owner(self.plan.request) {
            let found = members.healthy(self.now, |name| name.provider() == owner);
            if found.is_some() {
                return (found, First::Owner);
            }
        }
        let pinned = self.made.pin.as_ref().and_then(|pin| pin.get(self.now));
        let found = pinned.and_then(|last| members.healthy(self.now, |name| *name.text() == *last));
        match found {
            Some(found) => (Some(found), First::Pinned),
            None => (None, First::Chosen),
        }
    }

    fn add(&mut self, named: &Named<'_>) -> Result<()> {
        // Only what comes with the request asks whose it is.
        let home = match self.plan.is_moved() {
            true => self
                .home
                .get_or_insert_with(|| named.target.provider().to_owned()),
            false => "",
        };
        let made = self.plan.candidate(named, home)?;
        let must_take_all = self.plan.wish.provider.require_parameters;
        if self.made.all.len() < CANDIDATES_MAX && (!must_take_all || self.plan.takes_all(&made)?) {
            self.made.all.push(made);
        }
        Ok(())
    }

    fn close(&mut self, start: usize, strategy: Strategy, after: Option<Cause>) {
        self.made.groups.push(Group {
            range: start..self.made.all.len(),
            strategy,
            after,
            always: false,
        });
    }

    fn nobody(&self) -> Error {
        let by = match (self.rule, self.wanted.tenant) {
            (Some(_), _) => "after the rule for it",
            (None, Some(_)) => "for its tenant, after what it wishes itself",
            (None, None) => "after what it wishes itself",
        };
        let message = format!("no target is left for the request {by}");
        Error::new(ErrorKind::NoRoute, message)
    }
}

/// A guess from the request's size; nobody's tokenizer is asked.
fn ask(plan: &Plan<'_>) -> Ask {
    let request = plan.request;
    let said = ["max_completion_tokens", "max_tokens"].iter();
    let said = said.copied().find_map(|key| {
        let json = std::str::from_utf8(request.field(key)?).ok()?;
        json.parse::<f64>().ok()
    });
    Ask {
        input: request.source().len() as f64 / BYTES_PER_TOKEN,
        output: said.map_or(OUTPUT, |most| most.min(OUTPUT)),
        cost_weight: 0.0,
        turn: 0,
    }
}

// English text in the tokenizers of 2024 to 2026; what JSON adds is about what other languages need more.
const BYTES_PER_TOKEN: f64 = 4.0;
// An answer's length in chats; who allows less gets less.
const OUTPUT: f64 = 400.0;
