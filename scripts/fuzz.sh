#!/usr/bin/env bash
# Runs fuzz targets (those named, without "fuzz_"; else all) for FUZZ_SECONDS each, on their kept corpora. With
# FUZZ_QUIET a target ends sooner, once nothing new has come for so many seconds. What it finds anew stays in
# build/fuzz/corpus; an input that crashes is left in build/fuzz/ under the name of the target.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60} quiet=${FUZZ_QUIET:-$seconds}
# What was freed is kept for a while, to find uses of it; not so much that it hides what the target needs.
export ASAN_OPTIONS=allocator_may_return_null=1:quarantine_size_mb=16 UBSAN_OPTIONS=print_stacktrace=1
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-14 || true)
export ASAN_SYMBOLIZER_PATH

fuzz() {
  local name=$1 target=build/fuzz/tests/fuzz_$1 line status=0
  local kept=tests/fuzz/corpus/$name dictionary=tests/fuzz/dict/$name.dict found=build/fuzz/corpus/fuzz_$name
  local corpora=("$found") options=()
  mkdir -p "$found"
  if [ -d "$kept" ]; then corpora+=("$kept"); fi
  if [ -f "$dictionary" ]; then options+=("-dict=$dictionary"); fi
  echo "fuzz: $name for $seconds s"
  exec 3< <(exec "$target" -rss_limit_mb=512 -timeout=20 -max_total_time="$seconds" -print_final_stats=1 \
    -artifact_prefix="build/fuzz/fuzz_$name-" ${options[@]+"${options[@]}"} "${corpora[@]}" 2>&1)
  local pid=$! begun=$SECONDS last=$SECONDS
  while true; do
    if IFS= read -r -t 5 line <&3; then
      case $line in
        '#'*[[:space:]]NEW[[:space:]]*) last=$SECONDS ;;
        '#'* | *NEW_FUNC*) ;;
        *) echo "$line" ;;
      esac
    elif [ $? -le 128 ]; then # not the time limit of read, but the end
      break
    fi
    if [ $((SECONDS - last)) -ge "$quiet" ]; then kill -INT "$pid" 2>/dev/null || true; fi
  done
  wait "$pid" || status=$?
  echo "fuzz: $name: $((SECONDS - begun)) s, the last new input after $((last - begun)) s"
  # 72: it was ended because nothing new came.
  if [ "$status" -ne 0 ] && [ "$status" -ne 72 ]; then return 1; fi
}

names=("$@")
if [ $# -eq 0 ]; then
  for source in tests/fuzz/fuzz_*.c; do names+=("$(basename "$source" .c | sed 's/^fuzz_//')"); done
fi
failed=0
for name in "${names[@]}"; do fuzz "$name" || failed=1; done
exit "$failed"
