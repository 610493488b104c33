#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS, on its kept corpus. What it finds anew stays in build/fuzz/corpus;
# an input that crashes is left in build/fuzz/ under the name of the target.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
export ASAN_OPTIONS=allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-14 || true)
export ASAN_SYMBOLIZER_PATH
for target in build/fuzz/tests/fuzz_*; do
  [ -f "$target" ] && [ -x "$target" ] || continue
  name=$(basename "$target")
  kept=tests/fuzz/corpus/${name#fuzz_}
  found=build/fuzz/corpus/$name
  mkdir -p "$found"
  corpora=("$found")
  if [ -d "$kept" ]; then corpora+=("$kept"); fi
  echo "fuzz: $name for $seconds s"
  "$target" -rss_limit_mb=512 -timeout=20 -max_total_time="$seconds" -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$name-" "${corpora[@]}" 2>&1 | grep -v '^#.*\(REDUCE\|NEW\|pulse\)' | tail -n 40
done
