//! Pages of Google Drive.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| elt::source::trial::drive_page(bytes));
