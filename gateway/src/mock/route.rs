//! Which path means what.

use libllm_proto::mock::{Ask, Dialect, Kind, Reply, answer, refuse};

use super::http1::Head;
use super::state::{LiveRequest, State};

/// What a head asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Route {
    /// An answer of a script.
    Model(Dialect),
    Models(Dialect),
    Stats,
    ResetStats,
    /// Nothing here: this status, because of this.
    Nothing(u16, &'static str),
}

impl Route {
    pub(crate) fn of(head: &Head) -> Route {
        let method = head.method.as_str();
        if let Some(dialect) = Dialect::of_path(&head.path) {
            return match method {
                "POST" => Route::Model(dialect),
                _ => Route::Nothing(405, "expected POST"),
            };
        }
        match (head.path.as_str(), method) {
            ("/stats", "GET") => Route::Stats,
            ("/stats", "DELETE") => Route::ResetStats,
            ("/stats", _) => Route::Nothing(405, "expected GET or DELETE"),
            (path, "GET") if path.ends_with("/models") => Route::Models(match head.anthropic {
                true => Dialect::Anthropic,
                false => Dialect::OpenaiChat,
            }),
            _ => Route::Nothing(
                404,
                "unknown path: expected */chat/completions, */completions, */responses, */messages, */v2/chat, */v1/chat, */api/chat, */api/generate, */models or /stats",
            ),
        }
    }
}

/// The reply to a body sent to a model's path.
pub(crate) fn reply(
    state: &State,
    request: &LiveRequest<'_>,
    dialect: Dialect,
    head: &Head,
    body: &[u8],
) -> Reply {
    let invalid = |why: &str| refuse(dialect, Kind::InvalidRequest, why, request.turn(None));
    let ask = match Ask::parse(dialect, body) {
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

/// The list of models, `echo` and the named scripts, in Anthropic's shape or in OpenAI's.
pub(crate) fn models(state: &State, dialect: Dialect) -> String {
    let named = state.scripts.names().map(|name| format!("@{name}"));
    let ids: Vec<_> = std::iter::once("echo".to_owned())
        .chain(named)
        .map(|id| serde_json::Value::from(id).to_string())
        .collect();
    let list = |entry: &dyn Fn(&String) -> String| -> String {
        ids.iter().map(entry).collect::<Vec<_>>().join(",")
    };
    match dialect == Dialect::Anthropic {
        false => {
            let data = list(&|id| {
                format!("{{\"id\":{id},\"object\":\"model\",\"created\":0,\"owned_by\":\"mock\"}}")
            });
            format!("{{\"object\":\"list\",\"data\":[{data}]}}")
        }
        true => {
            let data = list(&|id| {
                format!(
                    "{{\"type\":\"model\",\"id\":{id},\"display_name\":{id},\"created_at\":\"1970-01-01T00:00:00Z\"}}"
                )
            });
            format!(
                "{{\"data\":[{data}],\"has_more\":false,\"first_id\":{},\"last_id\":{}}}",
                ids[0],
                ids[ids.len() - 1]
            )
        }
    }
}
