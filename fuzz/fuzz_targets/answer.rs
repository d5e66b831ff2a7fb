//! Answers of JSON APIs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drop(elt::source::trial::answer(bytes)));
