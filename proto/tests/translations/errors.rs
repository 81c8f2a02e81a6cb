//! What of a provider's refusal reaches a caller.

use std::time::SystemTime;

use libllm_proto::mock::Kind;
use libllm_proto::wire::{self, Exchange, Head, Operation};
use libllm_proto::{Error, provider::Quirks};

use super::answers::{face_head, facts, hear};
use super::provider::{self, Said};
use super::{FACES, WIRES, face};

const KINDS: &[(&str, Kind)] = &[
    ("the request is wrong (400)", Kind::InvalidRequest),
    ("the key is wrong (401)", Kind::Auth),
    ("too many requests (429)", Kind::RateLimited),
    ("the provider is at fault (500)", Kind::ServerError),
];

/// What the provider meant, and what a client of the caller's format takes it for.
fn refused(path: &str, wire: &str, kind: Kind) -> (Error, Error) {
    let Said { head, pieces } = provider::refusal(wire, kind);
    let error = hear(wire, head, provider::operation(wire), false, &pieces)
        .1
        .unwrap_err();
    let (status, body) = face(path).refusal(&error);
    let exchange = Exchange {
        stream: false,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        packed: false,
        answer_tool: false,
    };
    let head = Head {
        status,
        ..face_head(false)
    };
    let wire = wire::find(face(path).wire()).unwrap();
    let read = wire.error(&exchange, &head, &body, SystemTime::UNIX_EPOCH);
    (error, read)
}

/// The same of a stream that an error ends.
fn broken(path: &str, wire: &str) -> Option<(Error, Error)> {
    let Said { head, pieces } = provider::broken(wire)?;
    let (batches, ending) = hear(wire, head, provider::operation(wire), true, &pieces);
    let error = ending.unwrap_err();
    let mut out = Vec::new();
    let mut writer = face(path).writer(facts(wire, true));
    for batch in &batches {
        writer.write(batch, &mut out);
    }
    face(path).broken(&error, &mut out);
    let heard = hear(
        face(path).wire(),
        face_head(true),
        Operation::Chat,
        true,
        &[out],
    );
    Some((error, heard.1.unwrap_err()))
}

fn cell(said: &Error, read: &Error) -> &'static str {
    let words = read.message().contains(said.message());
    match (said.kind() == read.kind(), words) {
        (true, true) => "yes",
        (false, true) => "words",
        (true, false) => "kind",
        _ => "no",
    }
}

/// The cells of a face's table.
pub(crate) fn rows(path: &str) -> Vec<(String, Vec<&'static str>)> {
    let mut rows: Vec<(String, Vec<&'static str>)> = Vec::new();
    for (name, kind) in KINDS {
        let cells = WIRES.iter().map(|(wire, _)| {
            let (said, read) = refused(path, wire, *kind);
            cell(&said, &read)
        });
        rows.push(((*name).to_owned(), cells.collect()));
    }
    let cells = WIRES
        .iter()
        .map(|(wire, _)| broken(path, wire).map_or("", |(said, read)| cell(&said, &read)));
    rows.push(("in a stream".to_owned(), cells.collect()));
    rows
}

#[test]
fn a_refusal_is_told_in_the_provider_s_words_and_of_its_kind() {
    for (path, _) in FACES {
        for (wire, _) in WIRES {
            for (name, kind) in KINDS {
                let (said, read) = refused(path, wire, *kind);
                let place = format!("{name}: {wire} to {path}");
                assert!(said.message().contains("probe: no"), "{place}: {said}");
                assert_eq!(read.kind(), said.kind(), "{place}");
                assert!(read.message().contains("probe: no"), "{place}: {read}");
            }
            let Some((said, read)) = broken(path, wire) else {
                continue;
            };
            assert!(
                read.message().contains(said.message()),
                "{wire} to {path}: {read}"
            );
        }
    }
}
