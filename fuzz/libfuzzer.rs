//! One target under libFuzzer: `LIBLLM_FUZZ_TARGET` names it. `fuzz/run` sets that and libFuzzer's own options.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use libllm_fuzz::{Target, find};

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("LIBLLM_FUZZ_TARGET").expect("LIBLLM_FUZZ_TARGET names a target");
        find(&name).unwrap_or_else(|| panic!("no target {name}"))
    });
    target(data);
});
