//! Headers of HTTP answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| elt::source::trial::header(bytes));
