#!/usr/bin/env bash
# Configures (once) and builds the preset named, into build/<preset>; more arguments are for cmake --build.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
dir=build/$preset
if [ ! -e "$dir/build.ninja" ] && [ ! -e "$dir/Makefile" ]; then
  generator=()
  if command -v ninja >/dev/null; then generator=(-G Ninja); fi
  cmake --preset "$preset" "${generator[@]}"
fi
exec cmake --build "$dir" -j "$(nproc)" "${@:2}"
