#!/usr/bin/env bash
# Installs what is missing and runs every check: format, lints, documentation, and all tests (the build itself validates every kernel).
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/setup.sh chromium
export PATH="$HOME/.cargo/bin:$PATH"
# Some Vulkan layers complain on stderr without it.
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
cargo fmt --check
cargo clippy --all-targets -- -D warnings
# The library as it is embedded.
cargo clippy --lib --example restore --no-default-features -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --lib --no-deps
cargo test --no-fail-fast
# The same kernels on a second driver with other limits.
bash tools/second_driver.sh
