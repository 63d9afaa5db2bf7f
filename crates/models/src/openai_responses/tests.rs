//! Requests and decoders of this dialect.
