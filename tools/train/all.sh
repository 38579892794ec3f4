#!/bin/sh
# Trains and exports every weight file: all.sh TILES_TAR OUT_DIR [options of train.py; default --minutes 11 a file]
# On CUDA if there is one, else on the CPU. PYTHON names the interpreter.
set -eu
here=$(dirname "$0")
tiles=$1
out=$2
shift 2
[ $# -gt 0 ] || set -- --minutes 11
python=${PYTHON:-python3}

for recipe in nafnet-denoise genlv; do
    "$python" "$here/train.py" "$recipe-cuda" --tiles "$tiles" --cache "$out/tiles.npy" --run "$out/$recipe" \
        --workers "$(nproc)" "$@"
    "$python" "$here/export.py" "$out/$recipe/checkpoint.pt" -o "$out/$recipe.safetensors" \
        --tiles "$tiles" --cache "$out/tiles.npy"
done
