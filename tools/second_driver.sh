#!/usr/bin/env bash
# Runs the op tests on SwiftShader, a software driver with other limits than Mesa's: subgroups of 4, 256 invocations a
# workgroup, no f16. Debian's chromium package brings it. Another driver is named by VERNIS_SECOND_ICD.
set -euo pipefail
cd "$(dirname "$0")/.."
icd="${VERNIS_SECOND_ICD:-}"
for candidate in /usr/lib/chromium/vk_swiftshader_icd.json /usr/lib/chromium-browser/vk_swiftshader_icd.json \
    /opt/google/chrome/vk_swiftshader_icd.json; do
    if [ -z "$icd" ] && [ -f "$candidate" ]; then icd="$candidate"; fi
done
if [ -z "$icd" ]; then
    echo "no SwiftShader found: apt-get install chromium, or set VERNIS_SECOND_ICD to the .json of a Vulkan driver" >&2
    exit 1
fi
echo "second driver: $icd"
# Older loaders know the second name only.
export VK_DRIVER_FILES="$icd" VK_ICD_FILENAMES="$icd"
export VERNIS_TEST_DEVICE="${VERNIS_SECOND_DEVICE:-auto}"
exec cargo test --test ops
