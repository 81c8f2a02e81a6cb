//! Whether a tenant may ask for the models that its request names, whichever way it names them. What a configuration leads to from
//! there is the operator's own choice.

use std::borrow::Cow;

use super::Plan;
use crate::admit::tenant;
use crate::error::{Error, ErrorKind, Result};
use crate::wish;

pub(super) fn check(plan: &Plan<'_>, model: &str) -> Result<()> {
    let (config, options) = (plan.config, plan.options);
    if config.tenants.is_empty() || options.probes {
        return Ok(());
    }
    let tenant = tenant(options);
    let first = match options.provider.as_deref() {
        Some(provider) => Cow::Owned(format!("{provider}/{model}")),
        None => Cow::Borrowed(model),
    };
    let more = plan.wish.models.iter().chain(&options.fallbacks);
    let more = more.map(|name| wish::suffix(config, name).0);
    let mut named = std::iter::once(&*first).chain(more);
    match named.find(|name| !config.tenants.may_ask(tenant, name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("tenant {tenant} may not ask for model {name}");
            Err(Error::new(ErrorKind::NoRoute, message))
        }
    }
}
