use super::*;

/// What is committed, as people read it.
const COMMITTED: &str = include_str!("../../data/models.tsv");

fn rate(model: &Model<'_>, prompt: u64, unit: Unit) -> Option<u64> {
    model.price.rate(Service::Standard, prompt, unit)
}

/// It is a part of every program that links the library.
#[test]
fn the_packed_catalog_weighs_400_kilobytes_at_most() {
    let weight = super::PACKED.len();
    assert!(weight > 10_000, "{weight} bytes are no catalog");
    assert!(weight <= 400 * 1024, "the catalog weighs {weight} bytes");
}

#[test]
fn what_is_committed_is_what_is_packed_sorted_and_read_back_to_the_byte() {
    let table = Table::built_in();
    let lines: Vec<&str> = COMMITTED.lines().filter(|line| counts(line)).collect();
    assert!(lines.len() > 4000, "{} models", lines.len());
    assert_eq!(table.text(), lines.join("\n"));
    assert_eq!(table.len(), lines.len());
    for pair in lines.windows(2) {
        assert!(
            place(pair[0]) < place(pair[1]),
            "{} before {}",
            pair[0],
            pair[1]
        );
    }
    for line in lines {
        let model = Model::read(line).unwrap_or_else(|| panic!("no model: {line}"));
        let mut written = String::new();
        model.write(&mut written);
        assert_eq!(written, line);
        assert_eq!(table.exact(model.provider, model.name), Some(model));
    }
}

#[test]
fn it_says_where_it_comes_from_and_is_small_when_packed() {
    assert!(COMMITTED.contains("# Source: model_prices_and_context_window of the package litellm"));
    let notice = include_str!("../../data/LICENSE.litellm");
    assert!(notice.contains("MIT License") && notice.contains("Berri AI"));
    assert!(PACKED.len() < 400 << 10, "{} bytes", PACKED.len());
}

// The figures are those of the source's entry of the same name, in US dollars a token (package litellm 1.109.1).
#[test]
fn well_known_models_are_as_their_makers_say() {
    let gpt = find("openai", "gpt-5-mini").unwrap();
    assert_eq!(
        (gpt.mode, gpt.context, gpt.output_max),
        ("chat", Some(272_000), Some(128_000))
    );
    for can in ["tools", "json_schema", "vision", "pdf", "reasoning"] {
        assert!(gpt.capabilities.has(can), "{can}");
    }
    assert!(!gpt.capabilities.has("audio_in") && !gpt.capabilities.has("nonsense"));
    // 2.5e-07, 2e-06, 2.5e-08; input_cost_per_token_flex 1.25e-07, _priority 4.5e-07.
    assert_eq!(rate(&gpt, 10, Unit::Input), Some(250_000));
    assert_eq!(rate(&gpt, 10, Unit::Output), Some(2_000_000));
    assert_eq!(rate(&gpt, 10, Unit::CacheRead), Some(25_000));
    let served = |tier| {
        let service = Service::from_tier(tier);
        gpt.price.rate(service, 10, Unit::Input)
    };
    assert_eq!(served("batch"), Some(125_000));
    assert_eq!(served("flex"), Some(125_000));
    assert_eq!(served("priority"), Some(450_000));
    assert_eq!(served("default"), Some(250_000));

    let claude = find("anthropic", "claude-sonnet-4-5").unwrap();
    assert_eq!(
        (claude.context, claude.output_max),
        (Some(200_000), Some(64_000))
    );
    assert_eq!(rate(&claude, 10, Unit::CacheWrite), Some(3_750_000));
    assert_eq!(rate(&claude, 10, Unit::CacheWriteHour), Some(6_000_000));
    assert_eq!(rate(&claude, 10, Unit::CacheRead), Some(300_000));
    assert!(claude.capabilities.has("prefill"));

    let gemini = find("gemini", "gemini-2.5-pro").unwrap();
    assert_eq!(rate(&gemini, 200_000, Unit::Input), Some(1_250_000));
    assert_eq!(rate(&gemini, 200_001, Unit::Input), Some(2_500_000));
    assert_eq!(rate(&gemini, 200_001, Unit::Output), Some(15_000_000));
    assert!(gemini.capabilities.has("audio_in"));

    // Its prices are a list of ranges in the source.
    let qwen = find("dashscope", "qwen-flash").unwrap();
    assert_eq!(rate(&qwen, 256_000, Unit::Output), Some(400_000));
    assert_eq!(rate(&qwen, 256_001, Unit::Output), Some(2_000_000));

    let rerank = find("cohere", "rerank-v3.5").unwrap();
    assert_eq!(
        (rerank.mode, rate(&rerank, 0, Unit::PerQuery)),
        ("rerank", Some(2_000_000_000))
    );
    let embedding = find("openai", "text-embedding-3-small").unwrap();
    assert_eq!((embedding.mode, embedding.output_max), ("embedding", None));
    assert_eq!(find("openai", "no-such-model"), None);
    assert_eq!(find("no-such-provider", "gpt-4o"), None);
}

#[test]
fn names_that_mean_the_same_find_the_same() {
    let cases = [
        // Itself, although a shorter name would be known.
        ("openai", "gpt-4o-2024-05-13", "openai", "gpt-4o-2024-05-13"),
        // A date that is not known; a name that is known with dates only.
        ("openai", "gpt-4o-2031-01-02", "openai", "gpt-4o"),
        (
            "anthropic",
            "claude-sonnet-4-5-20310102",
            "anthropic",
            "claude-sonnet-4-5",
        ),
        (
            "openai",
            "ft:gpt-4o-2024-08-06:house::abc1",
            "openai",
            "ft:gpt-4o-2024-08-06",
        ),
        (
            "bedrock",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "bedrock",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (
            "bedrock",
            "us.mistral.ministral-3-14b-instruct",
            "bedrock",
            "mistral.ministral-3-14b-instruct",
        ),
        (
            "bedrock_invoke",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.mistral.ministral-3-14b-instruct",
            "bedrock",
            "mistral.ministral-3-14b-instruct",
        ),
        ("openrouter", "openai/gpt-5-mini", "openai", "gpt-5-mini"),
        (
            "openrouter",
            "anthropic/claude-sonnet-4.5",
            "anthropic",
            "claude-sonnet-4-5",
        ),
        (
            "openrouter",
            "google/gemini-2.5-pro",
            "gemini",
            "gemini-2.5-pro",
        ),
        (
            "gemini",
            "models/gemini-2.5-pro",
            "gemini",
            "gemini-2.5-pro",
        ),
        ("azure_deployments", "gpt-5-mini", "azure", "gpt-5-mini"),
        ("vertex", "gemini-2.5-pro", "vertex", "gemini-2.5-pro"),
        (
            "vertex_anthropic",
            "claude-3-5-haiku@20241022",
            "vertex",
            "claude-3-5-haiku@20241022",
        ),
        (
            "vertex_anthropic",
            "claude-haiku-4-5@20310102",
            "vertex",
            "claude-haiku-4-5",
        ),
    ];
    for (provider, model, shelf, name) in cases {
        let found = find(provider, model).unwrap_or_else(|| panic!("{provider}/{model}"));
        assert_eq!(
            (found.provider, found.name),
            (shelf, name),
            "{provider}/{model}"
        );
    }
    // What a variant costs is another matter, and a date is no part of every number.
    assert_eq!(find("openrouter", "openai/gpt-5-mini:free"), None);
    assert_eq!(alias::undated("claude-3"), None);
    assert_eq!(alias::undated("m-123456789"), None);
    assert_eq!(alias::undated("-20241022"), None);
    assert_eq!(alias::undated("é-2024-08-06"), Some("é"));
}

#[test]
fn a_name_that_is_known_with_dates_only_is_its_newest() {
    let table = Table::from_text(
        "p\tm-2024-01-01\tchat\t1\t\t\t\t\np\tm-2025-01-01\tchat\t2\t\t\t\t\np\tm-mini-2026-01-01\tchat\t3\t\t\t\t\np\tmx\tchat\t4\t\t\t\t",
    )
    .unwrap();
    let found = find_in(&[&table], "p", "m").unwrap();
    assert_eq!((found.name, found.context), ("m-2025-01-01", Some(2)));
    assert_eq!(find_in(&[&table], "p", "m-mi"), None);
}

#[test]
fn a_part_of_the_source_is_laid_over_what_is_built_in() {
    let part = br#"{
        "gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
        "house/qwen": {"max_input_tokens": 32768, "mode": "chat", "supports_vision": true, "input_cost_per_token": -1,
                       "input_cost_per_token_above_200k_tokens_priority": 1e-7, "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 5e-8},
        "claude-sonnet-4-5": {"litellm_provider": "anthropic", "max_output_tokens": 1000.0},
        "sample_spec": {"litellm_provider": "one of many", "max_tokens": "text"},
        "rules": {"pattern": "x"}
    }"#;
    let over = Table::from_source(part).unwrap();
    assert_eq!(over.len(), 3);
    let gpt = find_in(&[&over], "openai", "gpt-4o").unwrap();
    assert_eq!(rate(&gpt, 10, Unit::Input), Some(1_000_000));
    // Prices are one word; the rest stays.
    assert_eq!(rate(&gpt, 10, Unit::CacheRead), None);
    assert_eq!((gpt.context, gpt.mode), (Some(128_000), "chat"));
    let claude = find_in(&[&over], "anthropic", "claude-sonnet-4-5").unwrap();
    assert_eq!(claude.output_max, Some(1000));
    assert_eq!(rate(&claude, 10, Unit::Input), Some(3_000_000));
    let house = find_in(&[&over], "house", "qwen").unwrap();
    assert_eq!(house.context, Some(32_768));
    assert_eq!(house.capabilities.names().collect::<Vec<_>>(), ["vision"]);
    let tiers = house.price.tiers();
    assert_eq!(tiers.len(), 2);
    assert_eq!(
        (tiers[0].above, tiers[0].rates.get(Unit::CacheWriteHour)),
        (200_000, Some(50_000))
    );
    assert_eq!(
        house.price.rate(Service::Priority, 200_001, Unit::Input),
        Some(100_000)
    );
    assert_eq!(rate(&house, 10, Unit::Input), None);
    // What is laid over is not everybody's.
    assert_eq!(find("house", "qwen"), None);
    for wrong in [&b"[]"[..], b"{", br#"{"a/b": 1}"#] {
        assert!(Table::from_source(wrong).is_err());
    }
}

#[test]
fn lines_that_are_none_are_refused() {
    let good = "p\tm\tchat\t1\t2\ttools\t\tin=1,out=2 b>200000:in=3";
    assert!(Table::from_text(good).is_ok());
    for wrong in [
        "p\tm\tchat\t1\t2\ttools\t",
        "p\tm\tchat\tx\t2\ttools\t\tin=1",
        "p\tm\tchat\t1\t2\tflying\t\tin=1",
        "p\tm\tchat\t1\t2\ttools\t\tin=x",
        "p\tm\tchat\t1\t2\ttools\t\tgold=1",
        "p\tm\tchat\t1\t2\ttools\t\tz:in=1",
        "p\tm\tchat\t1\t2\ttools\t\tin=1\tmore",
    ] {
        assert!(Table::from_text(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_rate_is_the_nearest_that_is_known() {
    let text = "p\tm\tchat\t\t\t\t\tin=10,out=20 >200:in=11 b:in=5 b>200:in=6";
    let table = Table::from_text(text).unwrap();
    let price = table.exact("p", "m").unwrap().price;
    let rate = |service, prompt, unit| price.rate(service, prompt, unit);
    assert_eq!(rate(Service::Standard, 200, Unit::Input), Some(10));
    assert_eq!(rate(Service::Standard, 201, Unit::Input), Some(11));
    assert_eq!(rate(Service::Standard, 201, Unit::Output), Some(20));
    assert_eq!(rate(Service::Batch, 200, Unit::Input), Some(5));
    assert_eq!(rate(Service::Batch, 201, Unit::Input), Some(6));
    assert_eq!(rate(Service::Batch, 201, Unit::Output), Some(20));
    assert_eq!(rate(Service::Flex, 201, Unit::Input), Some(11));
    assert_eq!(rate(Service::Standard, 0, Unit::AudioIn), None);
}
