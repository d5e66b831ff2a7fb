//! What is read of SQL without a server.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    elt::sql::called_functions(text);
    elt::sql::declared_columns(text);
});
