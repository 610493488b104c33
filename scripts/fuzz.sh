#!/usr/bin/env bash
# Runs fuzz targets (those named, without "fuzz_"; else all) for FUZZ_SECONDS each, on their kept corpora. With
# FUZZ_QUIET a target ends sooner, once it has reached no new code (libFuzzer's "cov") for so many seconds of its own
# CPU time. What it finds anew stays in build/fuzz/corpus; an input that crashes is left in build/fuzz/ under the name
# of the target.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60} quiet=${FUZZ_QUIET:-$seconds}
# What was freed is kept for a while, to find uses of it; not so much that it hides what the target needs. Nor are whole
# stacks of allocations kept: recursion makes ever new ones, 400 MB of them in ten minutes of `expr`.
export ASAN_OPTIONS=allocator_may_return_null=1:quarantine_size_mb=16:malloc_context_size=8 UBSAN_OPTIONS=print_stacktrace=1
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-14 || true)
export ASAN_SYMBOLIZER_PATH

# CPU time of a process, seconds.
ticks=$(getconf CLK_TCK)
cpu_of() {
  local fields
  read -ra fields <"/proc/$1/stat" 2>/dev/null || return 1
  echo $(((fields[13] + fields[14]) / ticks))
}

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
  local pid=$! begun=$SECONDS code=0 now=0 last_code=0 last_input=0
  while true; do
    now=$(cpu_of "$pid" || echo "$now")
    if IFS= read -r -t 5 line <&3; then
      if [[ $line =~ ^#.*\ cov:\ ([0-9]+) ]]; then
        if [ "${BASH_REMATCH[1]}" -gt "$code" ]; then code=${BASH_REMATCH[1]} last_code=$now; fi
        if [[ $line =~ ^#[0-9]+[[:space:]]+(INITED|NEW) ]]; then last_input=$now; fi
      elif [[ $line != *NEW_FUNC* ]]; then
        echo "$line"
      fi
    elif [ $? -le 128 ]; then # not the time limit of read, but the end
      break
    fi
    if [ $((now - last_code)) -ge "$quiet" ]; then kill -INT "$pid" 2>/dev/null || true; fi
  done
  wait "$pid" || status=$?
  echo "fuzz: $name: $((SECONDS - begun)) s, of CPU $now s; the last new code at $last_code s, new input at $last_input s"
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
