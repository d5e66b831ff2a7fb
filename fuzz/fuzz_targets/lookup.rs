//! Bodies of voucher look-ups.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| elt::service::trial::body(text));
