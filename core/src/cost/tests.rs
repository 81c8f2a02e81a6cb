use libllm_proto::catalog::Table;

use super::*;

fn price(text: &str) -> Price {
    let line = format!("p\tm\tchat\t\t\t\t\t{text}");
    let table = Table::from_text(&line).unwrap();
    table.models().next().unwrap().price
}

fn usage(prompt: u64, completion: u64) -> Usage {
    Usage {
        prompt_tokens: Some(prompt),
        completion_tokens: Some(completion),
        ..Usage::default()
    }
}

fn standard(price: &Price, usage: &Usage) -> Option<u64> {
    microusd(price, usage, Service::Standard)
}

#[test]
fn who_says_it_is_said_and_the_provider_goes_first() {
    let price = price("in=1000000,out=2000000");
    let said = Usage {
        cost_microusd: Some(7),
        ..usage(10, 10)
    };
    let of = |usage: Option<&Usage>, price| {
        let cost = cost(usage, price, Service::Standard);
        (cost.microusd, cost.source.name())
    };
    assert_eq!(of(Some(&said), Some(&price)), (Some(7), "provider"));
    assert_eq!(of(Some(&said), None), (Some(7), "provider"));
    assert_eq!(
        of(Some(&usage(10, 10)), Some(&price)),
        (Some(30), "catalog")
    );
    assert_eq!(of(Some(&usage(10, 10)), None), (None, "unknown"));
    assert_eq!(of(None, Some(&price)), (None, "unknown"));
}

#[test]
fn what_is_thought_ahead_is_rounded_up_whatever_its_size() {
    let flat = price("in=1000000,out=2000000,per_request=1");
    let of = |price: &Price, prompt, answer| ahead(price, prompt, answer, Service::Standard);
    assert_eq!(of(&flat, 0, 0), 1);
    assert_eq!(of(&flat, 10, 3), 17);
    // Beyond 64 bits of picodollars.
    assert_eq!(of(&flat, 1 << 62, 0), (1 << 62) + 1);
    assert_eq!(of(&flat, u64::MAX, u64::MAX), u64::MAX);
    assert_eq!(of(&Price::default(), 10, 10), 0);
}

#[test]
fn cached_tokens_are_part_of_the_prompt_and_cost_what_they_cost() {
    let price = price("in=3000000,out=15000000,read=300000,write=3750000,write_1h=6000000");
    // 100 plain, 1000 read, 200 written (of which 50 for an hour), 10 said.
    let usage = Usage {
        cached_tokens: Some(1000),
        cache_write_tokens: Some(200),
        cache_write_hour_tokens: Some(50),
        ..usage(1300, 10)
    };
    let parts =
        100 * 3_000_000 + 1000 * 300_000 + 150 * 3_750_000 + 50 * 6_000_000 + 10 * 15_000_000u64;
    assert_eq!(standard(&price, &usage), Some(parts.div_ceil(1_000_000)));
}

#[test]
fn what_has_no_price_of_its_own_costs_as_any_token() {
    let price = price("in=1000000,out=2000000");
    let usage = Usage {
        cached_tokens: Some(40),
        cache_write_tokens: Some(10),
        reasoning_tokens: Some(5),
        audio_prompt_tokens: Some(3),
        audio_completion_tokens: Some(2),
        ..usage(100, 10)
    };
    assert_eq!(standard(&price, &usage), Some(120));
}

#[test]
fn sound_and_reasoning_cost_what_they_cost() {
    let price =
        price("in=1000000,out=2000000,audio_in=10000000,audio_out=20000000,reasoning=3000000");
    let usage = Usage {
        audio_prompt_tokens: Some(10),
        audio_completion_tokens: Some(4),
        reasoning_tokens: Some(3),
        ..usage(30, 10)
    };
    assert_eq!(
        standard(&price, &usage),
        Some(10 * 10 + 20 + 4 * 20 + 3 * 3 + 3 * 2)
    );
}

#[test]
fn reasoning_that_is_counted_beside_the_answer_is_billed_too() {
    let price = price("in=1000000,out=2000000");
    let beside = Usage {
        reasoning_tokens: Some(100),
        total_tokens: Some(120),
        ..usage(10, 10)
    };
    assert_eq!(standard(&price, &beside), Some(10 + 110 * 2));
    let within = Usage {
        reasoning_tokens: Some(8),
        total_tokens: Some(20),
        ..usage(10, 10)
    };
    assert_eq!(standard(&price, &within), Some(10 + 10 * 2));
}

#[test]
fn long_prompts_and_other_services_have_their_rates() {
    let price =
        price("in=1000000,out=2000000 >200000:in=2000000,out=3000000 f:in=500000,out=1000000");
    assert_eq!(standard(&price, &usage(200_000, 0)), Some(200_000));
    assert_eq!(standard(&price, &usage(200_001, 1)), Some(400_005));
    assert_eq!(microusd(&price, &usage(10, 10), Service::Flex), Some(15));
    assert_eq!(
        microusd(&price, &usage(10, 10), Service::Priority),
        Some(30)
    );
}

#[test]
fn what_costs_anything_is_not_nothing_and_what_is_free_is() {
    assert_eq!(standard(&price("in=10,out=10"), &usage(1, 1)), Some(1));
    assert_eq!(standard(&price("in=0,out=0"), &usage(9, 9)), Some(0));
}

#[test]
fn what_was_not_counted_or_has_no_price_is_unknown() {
    let flat = price("in=1000000,out=2000000");
    assert_eq!(standard(&flat, &Usage::default()), None);
    let half = Usage {
        completion_tokens: None,
        ..usage(10, 0)
    };
    assert_eq!(standard(&flat, &half), None);
    // An embedding has no answer.
    assert_eq!(standard(&price("in=1000000,out=0"), &half), Some(10));
    assert_eq!(standard(&price("in=1000000"), &half), Some(10));
    assert_eq!(standard(&price("in=1000000"), &usage(10, 1)), None);
    // A search costs, its tokens do not: their number says nothing.
    assert_eq!(
        standard(&price("in=0,out=0,per_query=2000000000"), &usage(10, 0)),
        None
    );
    assert_eq!(standard(&price(""), &usage(10, 1)), None);
}

#[test]
fn absurd_counts_do_not_overflow() {
    let price = price("in=1000000000000,out=1000000000000");
    let absurd = Usage {
        cached_tokens: Some(u64::MAX),
        reasoning_tokens: Some(u64::MAX),
        ..usage(u64::MAX, u64::MAX)
    };
    assert_eq!(standard(&price, &absurd), None);
    let more_cached_than_asked = Usage {
        cached_tokens: Some(50),
        ..usage(10, 0)
    };
    assert!(standard(&price, &more_cached_than_asked).is_some());
}
