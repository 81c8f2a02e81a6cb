//! Bytes in, events out: a framer, a wire's reader, limits, and the body of a refusal, for any wire.
