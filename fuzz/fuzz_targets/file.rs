//! Files of every format, with every option, into every type.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drop(elt::source::trial::file(bytes)));
