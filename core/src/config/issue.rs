//! What of a provider depends on where its customer is: the places in its address, and who issues its credentials.

use std::sync::Arc;

use libllm_proto::provider::{Auth, Row};

use super::Environment;
use super::scope::Table;
use crate::auth::{self, Keeper, Source};
use crate::error::Result;

/// Keys of `[providers.P]` that name a place; each may stand in braces in an address.
pub(super) const PLACES: [&str; 3] = ["region", "project", "location"];

/// The place of this name: what the table says, else the row's variables, else what the row has for everybody.
pub(super) fn place(
    name: &str,
    table: Option<&Table<'_>>,
    row: Option<&Row>,
    environment: &dyn Environment,
) -> Result<Option<String>> {
    if let Some(item) = table.and_then(|table| table.get(name)) {
        let text = item.text()?.trim();
        return match is_place(text) {
            true => Ok(Some(text.to_owned())),
            false => Err(item.fail("expected letters, digits and - . _ : alone")),
        };
    }
    let Some(place) = row.and_then(|row| row.places.iter().find(|place| place.name == name)) else {
        return Ok(None);
    };
    let said = place.env.iter().find_map(|name| environment.var(name));
    let said = said
        .map(|said| said.trim().to_owned())
        .filter(|said| is_place(said));
    Ok(said.or(place.default.map(str::to_owned)))
}

/// Places go into hosts and paths: nothing in them may end either.
fn is_place(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    !text.is_empty() && text.chars().all(plain)
}

/// Who issues credentials of this kind here, if anybody does; an error says what is wrong with the files that speak of it.
pub(super) fn keeper(
    auth: &Auth,
    #[cfg_attr(not(feature = "gemini"), expect(unused_variables, reason = "Google's"))]
    file: Option<&str>,
    environment: &dyn Environment,
) -> Result<Option<Arc<Keeper>>, String> {
    let source: Option<Box<dyn Source>> = match auth {
        Auth::Sigv4 => auth::aws_chain(environment)?,
        #[cfg(feature = "gemini")]
        Auth::Google => Some(auth::google_default(file, environment)?),
        Auth::Entra => auth::entra_client(environment)?,
        _ => None,
    };
    Ok(source.map(|source| Arc::new(Keeper::new(source))))
}

/// Variables that would have given credentials of this kind.
pub(super) fn variables(auth: &Auth) -> &'static [&'static str] {
    match auth {
        Auth::Sigv4 => &["AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"],
        Auth::Google => &["GOOGLE_APPLICATION_CREDENTIALS"],
        Auth::Entra => &["AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"],
        _ => &[],
    }
}
