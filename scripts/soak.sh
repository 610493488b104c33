#!/usr/bin/env bash
# What takes long: the slow tests, the crash tests of large tables, and a round of fuzzing under the sanitizers.
set -euo pipefail
cd "$(dirname "$0")/.."
export ASAN_OPTIONS=exitcode=99:allocator_may_return_null=1 UBSAN_OPTIONS=exitcode=99:print_stacktrace=1
for preset in release asan; do
  echo "== slow tests ($preset)"
  LAMELLA=$PWD/build/$preset/lamella .venv/bin/python -m pytest -q -rs -m 'slow or bulk or soak' tests/integration tests/conformance ||
    [ $? -eq 5 ]
done
echo "== fuzzing, ${FUZZ_SECONDS:-60} s a target"
make --no-print-directory fuzz
