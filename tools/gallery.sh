#!/usr/bin/env bash
# Restores every example picture and puts it beside its input, and all of them into one picture: gallery.sh [OUT], by
# default gallery/. examples/results.jpg is its OUT/results.jpg.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/setup.sh
export PATH="$HOME/.cargo/bin:$PATH"
out="${1:-gallery}"
mkdir -p "$out"
rows=() row=()
cargo build --release --bin vernis --example strip
for work in noisy:denoise blocky:dejpeg blurred:deblur rainy:derain snowy:desnow hazy:dehaze dark:lowlight \
    speckled:despeckle scratched:inpaint; do
    picture="${work%%:*}" task="${work##*:}"
    # A task without weights that gain is skipped, and said.
    if ./target/release/vernis restore "examples/$picture.png" -o "$out/$picture.png" --task "$task" --overwrite; then
        ./target/release/examples/strip "examples/$picture.png" "$out/$picture.png" -o "$out/$task.jpg"
        row+=("examples/$picture.png" "$out/$picture.png")
        if [ ${#row[@]} = 6 ]; then
            rows+=("$out/row${#rows[@]}.png")
            ./target/release/examples/strip "${row[@]}" -o "${rows[-1]}"
            row=()
        fi
    else
        echo "no picture for $task"
    fi
done
./target/release/examples/strip --down "${rows[@]}" -o "$out/results.jpg"
rm "${rows[@]}"
