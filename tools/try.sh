#!/usr/bin/env bash
# Installs what is missing, builds vernis and restores an example picture.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/setup.sh
export PATH="$HOME/.cargo/bin:$PATH"
# What a benchmark's report says it was built from.
VERNIS_COMMIT=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
export VERNIS_COMMIT
cargo build --release --bin vernis
./target/release/vernis restore examples/noisy.png -o restored.png --task denoise --overwrite
echo "compare examples/noisy.png with restored.png"
