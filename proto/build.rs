//! Turns `data/providers.toml` into a static table of rows, so that no program parses it when it starts, and packs `data/models.tsv`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::{collections::BTreeMap, env, error::Error, fs, path::Path};

use flate2::{Compression, write::DeflateEncoder};
use serde::Deserialize;

#[path = "src/provider/quirks.rs"]
#[expect(unreachable_pub, reason = "public in the crate, not in this script")]
mod quirks;

use quirks::{Quirks, QuirksPatch};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    provider: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    name: String,
    #[serde(default)]
    verified: Verified,
    wire: String,
    base_url: String,
    auth: String,
    #[serde(default)]
    key_env: Vec<String>,
    #[serde(default)]
    key_optional: bool,
    base_url_env: Option<String>,
    host_env: Option<String>,
    organization: Option<Organization>,
    #[serde(default)]
    places: BTreeMap<String, Place>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    quirks: QuirksPatch,
    idle_pool_s: u64,
    docs: String,
}

/// A row that does not say is the least sure.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verified {
    Recording,
    Documents,
    #[default]
    Listed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    env: Vec<String>,
    default: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Organization {
    header: String,
    env: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    const SOURCE: &str = "data/providers.toml";
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=src/provider/quirks.rs");
    let file: Rows = toml::from_str(&fs::read_to_string(SOURCE)?)?;
    let mut code = String::from("&[\n");
    for row in &file.provider {
        code.push_str(&literal(row)?);
    }
    code.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("providers.rs"), code)?;
    pack_catalog()
}

/// A sixth of its size; what says where it comes from stays behind.
fn pack_catalog() -> Result<(), Box<dyn Error>> {
    const SOURCE: &str = "data/models.tsv";
    println!("cargo::rerun-if-changed={SOURCE}");
    let text = fs::read_to_string(SOURCE)?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let packed = File::create(Path::new(&env::var("OUT_DIR")?).join("models.deflate"))?;
    let mut packed = DeflateEncoder::new(packed, Compression::best());
    packed.write_all(lines.join("\n").as_bytes())?;
    packed.finish()?;
    Ok(())
}

fn literal(row: &Row) -> Result<String, Box<dyn Error>> {
    let auth = match row.auth.split_once(':') {
        None if row.auth == "bearer" => "Auth::Bearer".to_string(),
        None if row.auth == "none" => "Auth::None".to_string(),
        None if row.auth == "sigv4" => "Auth::Sigv4".to_string(),
        None if row.auth == "google" => "Auth::Google".to_string(),
        None if row.auth == "entra" => "Auth::Entra".to_string(),
        Some(("header", name)) => format!("Auth::Header(Cow::Borrowed({name:?}))"),
        Some(("query", name)) => format!("Auth::Query(Cow::Borrowed({name:?}))"),
        _ => return Err(format!("{}: unknown auth {:?}", row.id, row.auth).into()),
    };
    let organization = match &row.organization {
        None => "None".to_string(),
        Some(Organization { header, env }) => {
            format!("Some(Organization {{ header: {header:?}, env: {env:?} }})")
        }
    };
    let headers: Vec<_> = row.headers.iter().collect();
    let mut places = String::from("&[");
    for (name, Place { env, default }) in &row.places {
        let place = format!("Place {{ name: {name:?}, env: &{env:?}, default: {default:?} }},");
        places.push_str(&place);
    }
    places.push(']');
    let Row {
        id,
        name,
        verified,
        wire,
        base_url,
        key_env,
        key_optional,
        base_url_env,
        host_env,
        docs,
        ..
    } = row;
    let mut code = String::new();
    writeln!(
        code,
        "Row {{ id: {id:?}, name: {name:?}, verified: Verified::{verified:?}, wire: {wire:?}, base_url: {base_url:?}, auth: {auth}, key_env: &{key_env:?},
         key_optional: {key_optional}, base_url_env: {base_url_env:?}, host_env: {host_env:?}, organization: {organization},
         headers: &{headers:?}, places: {places}, quirks: {}, idle_pool: Duration::from_secs({}), docs: {docs:?} }},",
        quirks_literal(&Quirks::PLAIN.with(&row.quirks)),
        row.idle_pool_s
    )?;
    Ok(code)
}

fn quirks_literal(quirks: &Quirks) -> String {
    format!(
        "Quirks {{ terminal_marker: TerminalMarker::{:?}, stream_usage: {:?}, max_tokens_name: {:?}, moderation_403: {:?},
         system_role: {:?}, tool_ids: {:?}, reasoning_field: {:?}, no_parallel_tools: {:?}, cache_markers: {:?}, tool_pictures: {:?},
         int8_vectors: {:?}, vocabulary: Vocabulary::{:?}, prefill: {}, token_counts: TokenCounts::{:?} }}",
        quirks.terminal_marker,
        quirks.stream_usage,
        quirks.max_tokens_name,
        quirks.moderation_403,
        quirks.system_role,
        quirks.tool_ids,
        quirks.reasoning_field,
        quirks.no_parallel_tools,
        quirks.cache_markers,
        quirks.tool_pictures,
        quirks.int8_vectors,
        quirks.vocabulary,
        match quirks.prefill {
            Some(how) => format!("Some(Prefill::{how:?})"),
            None => "None".to_owned(),
        },
        quirks.token_counts
    )
}
