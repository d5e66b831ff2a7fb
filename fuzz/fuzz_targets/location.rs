//! Locations of sources.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| elt::source::trial::location(text));
