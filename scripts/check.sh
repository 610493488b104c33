#!/usr/bin/env bash
# Everything that must hold before a change goes in. The last line is the sum:
# "N passed, N failed, N skipped". FAST=1 leaves clang-tidy and the thread sanitizer out.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/bootstrap.sh check
scripts/venv.sh

passed=0 failed=0 skipped=0 notes=()
results=build/results
mkdir -p "$results"
rm -f "$results"/*
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-14 || true)
export ASAN_SYMBOLIZER_PATH
# A finding must not look like the exit status 1 of an error that a test expects.
export ASAN_OPTIONS=exitcode=99:allocator_may_return_null=1 UBSAN_OPTIONS=exitcode=99:print_stacktrace=1

# A step is one test: it passes or it fails, and the others run all the same.
step() {
  local name=$1
  shift
  echo "== $name"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1)) notes+=("$name")
  fi
}

# Adds up a JUnit file, as ctest and pytest write it.
count() {
  local sums
  sums=$(python3 scripts/junit_counts.py "$1") || { failed=$((failed + 1)) && notes+=("no results: $1") && return; }
  read -r p f s <<<"$sums"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  if [ "$f" -gt 0 ]; then notes+=("$f in $1"); fi
}

run_ctest() {
  local preset=$1 file=$PWD/$results/ctest-$1.xml
  shift
  echo "== ctest ($preset)"
  ctest --preset "$preset" -j "$(nproc)" --output-junit "$file" --no-tests=ignore "$@" || true
  count "$file"
}

# Which command: LAMELLA. Which tests: the rest. No tests at all (status 5) is nothing to count.
run_pytest() {
  local preset=$1 file=$PWD/$results/pytest-$1.xml status=0
  shift
  echo "== pytest ($preset)"
  LAMELLA=$PWD/build/$preset/lamella .venv/bin/python -m pytest -q -rs --junit-xml "$file" "$@" || status=$?
  if [ "$status" -eq 5 ]; then return; fi
  count "$file"
}

step "layers" python3 tests/check_layers.py
step "format" scripts/format.sh --check
for preset in release asan; do step "build $preset" scripts/build.sh $preset; done
run_ctest asan -L 'unit|crash|fuzz'
if [ -z "${FAST:-}" ]; then
  step "build tsan" scripts/build.sh tsan
  # Where threads meet: the base, stores, and everything that runs on the pool.
  run_ctest tsan -L unit \
    -R 'threads|context|memory|store|reader|writer|scan|compact|commit|rewrite|splice|delete|update|upsert|dedup|append|sidecar'
fi
if [ -x build/release/lamella ]; then
  mkdir -p tests/integration tests/conformance
  run_pytest release -m 'not soak' tests/integration tests/conformance
  # Under the sanitizers what matters most: hostile files and every kind of page. Marks: see pytest.ini.
  run_pytest asan -m 'not slow and not bulk and not soak' tests/integration tests/conformance
fi
if [ -z "${FAST:-}" ]; then step "lint" scripts/lint.sh; fi

for note in "${notes[@]}"; do echo "FAILED: $note"; done
echo "$passed passed, $failed failed, $skipped skipped" | tee "$results/sum"
[ "$failed" -eq 0 ]
