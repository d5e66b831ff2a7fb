#!/usr/bin/env bash
# on_stable.sh TARGET [libfuzzer options]: fuzzes with the stable compiler. elt alone is instrumented, its libraries
# are those of the usual debug build, so it is ready in minutes; without a sanitizer, but with overflow checks.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_INCREMENTAL=0
target=$1
shift
instrumented="-C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4
  -C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table
  -C llvm-args=-sanitizer-coverage-trace-compares"
out=target/fuzz-on-stable
mkdir -p "$out/libfuzzer/src" "$out/corpus/$target"
printf '[package]\nname = "libfuzzer"\nversion = "0.0.0"\nedition = "2024"\n[dependencies]\nlibfuzzer-sys = "0.4"\n[workspace]\n' \
  > "$out/libfuzzer/Cargo.toml"
: > "$out/libfuzzer/src/lib.rs"
cargo build -q --manifest-path "$out/libfuzzer/Cargo.toml" --target-dir "$out"
# shellcheck disable=SC2086
cargo rustc -q --locked --lib -- $instrumented -C codegen-units=16 -C opt-level=1
found() { find "$1" -path "*$2" "${@:3}" | sed 's/^/-Lnative=/'; }
# shellcheck disable=SC2046,SC2086
rustc --edition 2024 -O -Coverflow-checks -Cdebug-assertions $instrumented \
  --crate-name "$target" --crate-type bin -o "$out/$target" "fuzz/fuzz_targets/$target.rs" \
  --extern elt=target/debug/libelt.rlib -Ldependency=target/debug/deps \
  --extern libfuzzer_sys="$(ls -t "$out"/debug/deps/liblibfuzzer_sys-*.rlib | head -1)" -Ldependency="$out/debug/deps" \
  $(found target/debug/build /out -type d) $(found "$out/debug/build" /out -type d)
exec "$out/$target" "$out/corpus/$target" -artifact_prefix="$out/$target-" "$@"
