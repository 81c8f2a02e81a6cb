//! A pull cursor over JSON bytes.
