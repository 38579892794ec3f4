#!/bin/sh
# Trains and exports every weight file: all.sh TILES_TAR OUT_DIR [options of train.py; default --minutes 3 a file]
# On CUDA if there is one, else on the CPU. PYTHON names the interpreter.
set -eu
here=$(dirname "$0")
tiles=$1
out=$2
shift 2
[ $# -gt 0 ] || set -- --minutes 3
python=${PYTHON:-python3}

for recipe in nafnet-denoise nafnet-deblur nafnet-dejpeg genlv instruct-ipt datprl pip diffusion; do
    # Networks on a NAFNet begin with the denoiser's weights.
    case $recipe in nafnet-deblur | nafnet-dejpeg | instruct-ipt | datprl) start="--start-from $out/nafnet-denoise.safetensors" ;; *) start= ;; esac
    # shellcheck disable=SC2086
    "$python" "$here/train.py" "$recipe-cuda" --tiles "$tiles" --cache "$out/tiles.npy" --run "$out/$recipe" \
        --workers "$(nproc)" $start "$@"
    "$python" "$here/export.py" "$out/$recipe/checkpoint.pt" -o "$out/$recipe.safetensors" \
        --tiles "$tiles" --cache "$out/tiles.npy"
done
"$python" "$here/sensor.py" --cache "$out/tiles.npy" --into "$out/pip.safetensors"
"$python" "$here/usage.py" "$out/datprl.safetensors" --recipe datprl-cuda --cache "$out/tiles.npy"
"$python" "$here/words.py" -o "$out/words.safetensors"
