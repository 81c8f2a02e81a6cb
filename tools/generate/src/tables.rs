//! The tables as JSON for the schema, and what languages ask of them.

use libllm_proto::error::{ErrorKind, Status};
use libllm_proto::provider;
use libllm_schema::{CLASSES, CONDITIONS, Carries, EVENTS, FLAGS, METRICS, VARIABLES};
use serde_json::{Value, json};

/// The tables of the schema.
pub(crate) fn document() -> Value {
    json!({
        "statuses": Status::ALL.iter().map(|one| json!({"name": one.name(), "number": *one as i32})).collect::<Vec<_>>(),
        "kinds": kinds().iter().map(|one| json!({"name": one.name(), "status": one.status().name()})).collect::<Vec<_>>(),
        "conditions": CONDITIONS.iter().map(|one| json!({
            "go": one.go, "statuses": one.statuses, "kind": one.kind, "http": one.http, "class": one.class,
        })).collect::<Vec<_>>(),
        "classes": CLASSES.iter().map(|one| json!({"name": one.name, "base": one.base})).collect::<Vec<_>>(),
        "events": EVENTS.iter().map(|one| json!({
            "name": one.name, "number": one.number, "joins": one.joins, "carries": carries(one.carries),
        })).collect::<Vec<_>>(),
        "flags": FLAGS.iter().map(|one| json!({"name": one.name, "bit": one.bit})).collect::<Vec<_>>(),
        "variables": variables().into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "metrics": METRICS.iter().map(|one| one.name).collect::<Vec<_>>(),
    })
}

/// Every kind of error, those of content networks too.
pub(crate) fn kinds() -> Vec<ErrorKind> {
    let cdn = [520, 521, 522, 523, 524, 525, 526, 527, 530].map(ErrorKind::Cdn);
    ErrorKind::ALL.iter().copied().chain(cdn).collect()
}

/// What an event carries, in a word.
pub(crate) fn carries(what: Carries) -> String {
    match what {
        Carries::Text => "text".to_owned(),
        Carries::Json("") => "json".to_owned(),
        Carries::Json(name) => name.to_owned(),
        Carries::Bytes => "bytes".to_owned(),
    }
}

/// Every variable that is read and what it says: our own, then those of the providers' rows.
pub(crate) fn variables() -> Vec<(String, String)> {
    let own = VARIABLES
        .iter()
        .map(|one| (one.name.to_owned(), one.about.to_owned()));
    let mut made: Vec<(String, String)> = own.collect();
    for row in provider::rows() {
        let keys = row.key_env.iter().map(|name| (*name, "key"));
        let places = row.base_url_env.iter().map(|name| (*name, "base URL"));
        let hosts = row.host_env.iter().map(|name| (*name, "host"));
        let payers = row.organization.iter().map(|one| (one.env, "organization"));
        for (name, what) in keys.chain(places).chain(hosts).chain(payers) {
            let about = format!("{what} of {}", row.name);
            match made.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.push_str(&format!("; {about}")),
                None => made.push((name.to_owned(), about)),
            }
        }
    }
    made
}
