//! What may not pass: personal data, secrets, words. Found by their shape alone; and JSON that is not of a schema.
//!
//! Written by hand and not with regular expressions: checks such as Luhn's are code anyway, a stream needs to know how much of its end
//! may still become a match, and a scan is one pass over the bytes that looks closer only at an `@`, a digit, or a key's first letters.

pub(crate) mod redact;
pub(crate) mod scan;
pub(crate) mod schema;

pub(crate) use redact::Redactor;
pub(crate) use scan::{Shape, Wanted};
