#!/usr/bin/env bash
# Restores every example picture and puts it beside its input: gallery.sh [OUT], by default gallery/.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/setup.sh
export PATH="$HOME/.cargo/bin:$PATH"
out="${1:-gallery}"
mkdir -p "$out"
cargo build --release --bin vernis --example strip
for work in noisy:denoise blocky:dejpeg blurred:deblur rainy:derain snowy:desnow hazy:dehaze dark:lowlight \
    speckled:despeckle scratched:inpaint; do
    picture="${work%%:*}" task="${work##*:}"
    # A task without weights that gain is skipped, and said.
    if ./target/release/vernis restore "examples/$picture.png" -o "$out/$picture.png" --task "$task" --overwrite; then
        ./target/release/examples/strip "examples/$picture.png" "$out/$picture.png" -o "$out/$task.jpg"
    else
        echo "no picture for $task"
    fi
done
