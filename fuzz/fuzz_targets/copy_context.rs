//! The places that PostgreSQL names in errors.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| elt::source::trial::copy_context(text));
