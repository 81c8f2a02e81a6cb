//! The command `libllm`.
fn main() {}
