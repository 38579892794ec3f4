#!/usr/bin/env bash
# Installs what a fresh Debian or Ubuntu machine lacks: a C linker, the Vulkan loader with Mesa's drivers (they include
# a software adapter for machines without a GPU), and a Rust toolchain. Further package names may be given as arguments.
set -euo pipefail

sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo

missing=()
need() { # need COMMAND-OR-FILE PACKAGE
    command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || ldconfig -p 2>/dev/null | grep -q "$1" || missing+=("$2")
}
need cc build-essential
need curl curl
need libvulkan.so.1 libvulkan1
compgen -G "/usr/share/vulkan/icd.d/*.json" >/dev/null || missing+=(mesa-vulkan-drivers)
for package in "$@"; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    $sudo apt-get update -q
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qy --no-install-recommends ca-certificates "${missing[@]}"
fi

# The oldest Rust that builds vernis is in Cargo.toml.
export PATH="$HOME/.cargo/bin:$PATH"
here=$(cd "$(dirname "$0")/.." && pwd)
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/Cargo.toml")
have=$(rustc --version 2>/dev/null | cut -d' ' -f2 || true)
if [ -z "$have" ] || [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n1)" != "$wanted" ]; then
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile default
fi
