#!/usr/bin/env bash
# Line coverage of the library (src/ without cli/) by all tests of build/coverage; fails below 90 %.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=build/coverage
find "$dir" -name '*.gcda' -delete
ctest --preset coverage --output-on-failure -j "$(nproc)" --no-tests=ignore | tail -n 5
if [ -x "$dir/lamella" ] && ls tests/integration/test_*.py tests/conformance/test_*.py >/dev/null 2>&1; then
  status=0
  LAMELLA=$PWD/$dir/lamella LAMELLA_LIBRARY=$PWD/$dir/liblamella.so \
    .venv/bin/python -m pytest -q tests/integration tests/conformance || status=$?
  if [ "$status" -ne 0 ] && [ "$status" -ne 5 ]; then exit "$status"; fi
fi
mkdir -p coverage
gcovr --root . --filter 'src/' --exclude 'src/cli/' --object-directory "$dir" -j "$(nproc)" \
  --html-details coverage/index.html --txt coverage/report.txt --print-summary \
  --fail-under-line "${COVERAGE_MINIMUM:-90}" "$dir"
