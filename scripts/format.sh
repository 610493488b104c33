#!/usr/bin/env bash
# Formats all C files; with --check, only says which would change, and fails if any would.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(find include src tests bench -name '*.[ch]')
if [ "${1:-}" = --check ]; then
  clang-format-14 --dry-run -Werror "${files[@]}"
else
  clang-format-14 -i "${files[@]}"
fi
