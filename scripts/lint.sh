#!/usr/bin/env bash
# The layers, the format, and clang-tidy. clang-tidy takes three minutes: only files that differ from the
# commit LINT_BASE, or all where that is not set.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 tests/check_layers.py
scripts/format.sh --check
scripts/build.sh asan --target rebuild_cache >/dev/null # the compile commands of all files there are now
if [ -n "${LINT_BASE:-}" ]; then
  mapfile -t files < <(git diff --name-only --diff-filter=d "$LINT_BASE" -- 'src/*.c' 'bench/*.c' 'tests/*.c')
else
  mapfile -t files < <(find src bench tests -name '*.c')
fi
if [ ${#files[@]} -eq 0 ]; then exit 0; fi
# clang-tidy 14 now and then crashes on code that it takes the next time.
tidy() {
  local status=0
  for try in 1 2 3; do
    status=0
    clang-tidy-14 --quiet -p build/asan "$@" || status=$?
    if [ $status -lt 128 ]; then break; fi
    echo "lint: clang-tidy crashed on $* (try $try)"
  done
  return $status
}
export -f tidy
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 bash -c 'tidy "$@"' tidy 2> >(grep -v 'warnings\? generated\.$\|^Suppressed\|^Use -header-filter' >&2)
echo "lint: ${#files[@]} files are clean"
