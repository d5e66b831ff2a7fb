//! The fuzz targets are a crate of their own, which needs more than a build has. Here their text is compiled
//! against the library as it is, and each takes some bytes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Stands in for the macro of libfuzzer, by whose name `main.rs` calls this crate, too.
#[macro_export]
macro_rules! fuzz_target {
    (|$input:ident: &[u8]| $body:expr) => {
        pub fn take($input: &[u8]) {
            $body;
        }
    };
    (|$input:ident: &str| $body:expr) => {
        pub fn take(bytes: &[u8]) {
            let $input = &*String::from_utf8_lossy(bytes);
            $body;
        }
    };
}

macro_rules! targets {
    ($($name:ident = $path:literal),* $(,)?) => {
        $(
            #[allow(unused_attributes)]
            #[path = $path]
            mod $name;
        )*
        const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name::take)),*];
    };
}

targets! {
    answer = "../../fuzz/fuzz_targets/answer.rs",
    copy_context = "../../fuzz/fuzz_targets/copy_context.rs",
    drive_page = "../../fuzz/fuzz_targets/drive_page.rs",
    file = "../../fuzz/fuzz_targets/file.rs",
    header = "../../fuzz/fuzz_targets/header.rs",
    location = "../../fuzz/fuzz_targets/location.rs",
    lookup = "../../fuzz/fuzz_targets/lookup.rs",
    row_ends = "../../fuzz/fuzz_targets/row_ends.rs",
    selector = "../../fuzz/fuzz_targets/selector.rs",
    sql = "../../fuzz/fuzz_targets/sql.rs",
}

#[test]
fn every_fuzz_target_compiles_and_takes_bytes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("it is there");
    let written: BTreeSet<String> = fs::read_dir(root.join("fuzz_targets"))
        .expect("it is there")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
        .collect();
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(written, known);
    for (name, take) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml names {name}");
        for bytes in [&b""[..], b"\0\0a,b\n1,2\n", b"\x07\xc0[{\"a\": {\"b\": [1]}}]", b"{\"items\": []}"] {
            take(bytes);
        }
    }
}
