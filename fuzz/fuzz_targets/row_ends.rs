//! Rows of a binary COPY of another PostgreSQL.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| elt::source::trial::row_ends(bytes));
