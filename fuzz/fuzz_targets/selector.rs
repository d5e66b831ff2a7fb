//! Selectors as they are typed.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| drop(elt::manifest::select::Expression::parse(&[text.to_owned()])));
