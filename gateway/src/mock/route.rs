//! Which path means what.

use libllm_proto::mock::{Dialect, Kind, Place, Reply, answer, list, refuse};

use super::http1::Head;
use super::state::{LiveRequest, State};

/// What a head asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Route {
    /// An answer of a script.
    Model(Place),
    Models(Dialect),
    Stats,
    ResetStats,
    /// Nothing here: this status, because of this.
    Nothing(u16, &'static str),
}

impl Route {
    pub(crate) fn of(head: &Head) -> Route {
        let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
        let method = head.method.as_str();
        if let Some(place) = Place::of(path) {
            return match method {
                "POST" => Route::Model(place),
                _ => Route::Nothing(405, "expected POST"),
            };
        }
        match (path, method) {
            ("/stats", "GET") => Route::Stats,
            ("/stats", "DELETE") => Route::ResetStats,
            ("/stats", _) => Route::Nothing(405, "expected GET or DELETE"),
            (path, "GET") => match Place::of_list(path, query, head.anthropic) {
                Some(dialect) => Route::Models(dialect),
                None => Route::Nothing(404, UNKNOWN),
            },
            _ => Route::Nothing(404, UNKNOWN),
        }
    }
}

const UNKNOWN: &str = "unknown path: `libllm mock --help` lists those that are known, such as */chat/completions, */messages and */models";

/// The reply to a body sent to a model's path.
pub(crate) fn reply(
    state: &State,
    request: &LiveRequest<'_>,
    place: Place,
    head: &Head,
    body: &[u8],
) -> Reply {
    let dialect = place.dialect;
    let invalid = |why: &str| refuse(dialect, Kind::InvalidRequest, why, request.turn(None));
    let ask = match place.ask(&head.target, body) {
        Ok(ask) => ask,
        Err(why) => return invalid(&why),
    };
    let script = match state.scripts.find(&ask.model) {
        Ok(script) => script,
        Err(why) => return invalid(&format!("model: {why}")),
    };
    let counted = script
        .counts_attempts()
        .then_some((head.mock_key.as_str(), ask.model.as_str()));
    answer(&script, &ask, request.turn(counted))
}

/// The list of models: `echo` and the named scripts.
pub(crate) fn models(state: &State, dialect: Dialect) -> String {
    let named = state.scripts.names().map(|name| format!("@{name}"));
    let names: Vec<_> = std::iter::once("echo".to_owned()).chain(named).collect();
    list(dialect, names.iter().map(String::as_str))
}
