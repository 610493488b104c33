#!/usr/bin/env bash
# The main job on real data: 3 million flights become a table of about 2,500 small files, which is then
# compacted. DATA= names other files; PARTITION_BY= another column to partition them by.
set -euo pipefail
cd "$(dirname "$0")/.."
lamella=build/release/lamella
demo=build/demo
partition_by=${PARTITION_BY:-origin}

# The npm package vega-datasets has the same flights; npm itself is installed only where it is needed.
fetch_flights() {
  local directory=build/demo-data
  if ! compgen -G "$directory/package/data/flights-3m.parquet" >/dev/null; then
    command -v npm >/dev/null || {
      echo "demo: installing by apt-get: npm" >&2
      as_root=()
      [ "$(id -u)" -eq 0 ] || as_root=(sudo)
      "${as_root[@]}" apt-get update -qq >&2
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends npm >/dev/null
    }
    mkdir -p "$directory"
    echo "demo: taking the flights from the npm package vega-datasets" >&2
    (cd "$directory" && npm pack --silent vega-datasets >/dev/null && tar xzf vega-datasets-*.tgz)
  fi
  echo "$directory/package/data/flights-3m.parquet"
}

if [ -n "${DATA:-}" ]; then
  read -ra sources <<<"$DATA"
elif [ -e ../shared/data/flights-3m.parquet ]; then
  sources=(../shared/data/flights-3m.parquet)
else
  sources=("$(fetch_flights)")
fi

run() {
  echo
  echo "\$ lamella $*"
  "$lamella" "$@"
}

rm -rf "$demo" "$demo.lamella"
run import "${sources[@]}" --into "$demo" --partition-by "$partition_by" --rows-per-file 1250
run compact "$demo"
run verify "$demo"
run count "$demo"
echo
echo "The table is in $demo: $(find "$demo" -name '*.parquet' | wc -l) files that any Parquet reader reads."
