use super::*;

#[test]
fn rows_are_sorted_and_say_where_they_were_checked() {
    assert!(
        rows().is_sorted_by(|a, b| a.id < b.id),
        "ids sorted, none twice"
    );
    for row in rows() {
        let id = row.id;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        assert!(id.bytes().all(plain), "{id}");
        assert!(wire::KNOWN.contains(&row.wire), "{id}: {}", row.wire);
        assert!(row.docs.starts_with("https://"), "{id}: {}", row.docs);
        let known = |name: &str| row.places.iter().any(|place| place.name == name);
        let url = fill(row.base_url, |name| known(name).then(|| "x".to_string())).unwrap();
        assert_eq!(base_url(&url).unwrap(), url, "{id}");
        let issued = matches!(row.auth, Auth::Sigv4 | Auth::Google | Auth::Entra);
        let local = row.base_url.starts_with("http://127.0.0.1:");
        assert!(
            local || row.base_url.starts_with("https://"),
            "{id}: {}",
            row.base_url
        );
        assert_eq!(
            local, row.key_optional,
            "{id}: only a server of one's own goes without a key"
        );
        assert_eq!(row.idle_pool.as_secs(), if local { 4 } else { 55 }, "{id}");
        let keyless = issued || row.auth == Auth::None;
        assert!(!row.key_env.is_empty() || keyless, "{id}");
        for (name, value) in row.headers {
            assert!(
                http::HeaderName::from_lowercase(name.as_bytes()).is_ok(),
                "{id}: {name}"
            );
            assert!(http::HeaderValue::from_str(value).is_ok(), "{id}: {name}");
        }
    }
}

#[test]
fn finds_every_row_and_no_other() {
    for row in rows() {
        assert!(std::ptr::eq(find(row.id).unwrap(), row));
    }
    assert!(find("").is_none() && find("OpenAI").is_none() && find("zzz").is_none());
}

#[test]
fn a_row_whose_wire_is_missing_says_so() {
    for row in rows() {
        match row.wire() {
            Ok(wire) => assert_eq!(wire.name(), row.wire),
            Err(error) => assert!(
                error.message().ends_with("which is not in this build"),
                "{error}"
            ),
        }
    }
}

#[test]
fn the_environment_replaces_the_place() {
    let from = |id: &str, name: &'static str, value: &'static str| {
        find(id)
            .unwrap()
            .base_url_from(|asked| (asked == name).then(|| value.to_string()))
    };
    assert_eq!(
        from("openai", "OPENAI_BASE_URL", "http://proxy:1/v1/").unwrap(),
        "http://proxy:1/v1"
    );
    assert_eq!(
        from("openai", "OPENAI_BASE_URL", " ").unwrap(),
        "https://api.openai.com/v1"
    );
    assert_eq!(
        from("openai", "OTHER", "x").unwrap(),
        "https://api.openai.com/v1"
    );
    let error = from("openai", "OPENAI_BASE_URL", "proxy").unwrap_err();
    assert!(
        error.message().starts_with("OPENAI_BASE_URL: base URL"),
        "{error}"
    );
    for (value, expected) in [
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("box", "http://box:11434/v1"),
        ("box:80", "http://box:80/v1"),
        ("[::]:7", "http://[::1]:7/v1"),
        ("https://box", "https://box/v1"),
        ("https://box/ollama/", "https://box/ollama/v1"),
        ("https://box/v1", "https://box/v1"),
    ] {
        assert_eq!(
            from("ollama", "OLLAMA_HOST", value).unwrap(),
            expected,
            "{value}"
        );
    }
}

#[test]
fn base_urls_are_checked() {
    assert_eq!(base_url(" https://h/v1// ").unwrap(), "https://h/v1");
    for bad in [
        "",
        "h",
        "/v1",
        "ftp://h",
        "https://",
        "https://u:p@h",
        "https://h/?a=b",
        "https://h/#f",
        "http://a b",
    ] {
        assert_eq!(
            base_url(bad).unwrap_err().kind(),
            ErrorKind::Config,
            "{bad}"
        );
    }
}

#[test]
fn a_service_of_ones_own_needs_a_known_wire() {
    let house = Provider::custom("house", "openai_chat", "http://10.0.0.5:8000/v1/").unwrap();
    assert_eq!(
        (house.base_url.as_str(), house.key_optional),
        ("http://10.0.0.5:8000/v1", true)
    );
    let error = Provider::custom("house", "open_chat", "http://h").unwrap_err();
    assert!(error.message().contains("closest: openai_chat"), "{error}");
    let error = Provider::custom("house", "openai_chat", "h").unwrap_err();
    assert!(
        error.message().starts_with("provider house: base URL"),
        "{error}"
    );
}

#[test]
fn quirks_are_laid_over_a_row_by_name() {
    let mistral = Provider::from(find("mistral").unwrap());
    assert_eq!(mistral.quirks.tool_ids, Some("alnum9"));
    let patch = r#"{"terminal_marker":"finish_reason","tool_ids":"any","system_role":"user"}"#;
    let patched = mistral.quirks.with(&serde_json::from_str(patch).unwrap());
    assert_eq!(patched.terminal_marker, TerminalMarker::FinishReason);
    assert_eq!(
        (patched.tool_ids, patched.system_role),
        (None, Some("user"))
    );
    assert_eq!(
        patched.max_tokens_name,
        Some("max_tokens"),
        "what is not named stays"
    );
    for bad in [
        r#"{"stream":true}"#,
        r#"{"max_tokens_name":"limit"}"#,
        r#"{"stream_usage":"no"}"#,
    ] {
        assert!(serde_json::from_str::<QuirksPatch>(bad).is_err(), "{bad}");
    }
}

#[test]
fn at_least_a_hundred_rows_are_checked() {
    let checked = rows().iter().filter(|row| row.verified != Verified::Listed);
    assert!(checked.count() >= 100);
    for row in rows() {
        let page = row.docs.parse::<http::Uri>();
        assert!(
            page.is_ok_and(|page| page.scheme_str() == Some("https")),
            "{}: {}",
            row.id,
            row.docs
        );
    }
}
