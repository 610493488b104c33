#!/usr/bin/env bash
# Installs what the build needs and this machine lacks, by apt, as root or through sudo. With
# `check`, also what the tests need. Quick and silent when nothing is missing.
set -euo pipefail

# A package, and what proves that it is there: a command, or a module of pkg-config, or a file.
build="
build-essential   command gcc
cmake             command cmake
ninja-build       command ninja
pkg-config        command pkg-config
libzstd-dev       module  libzstd
libsnappy-dev     module  snappy
liblz4-dev        module  liblz4
libdeflate-dev    module  libdeflate
libbrotli-dev     module  libbrotlienc
libxxhash-dev     module  libxxhash
libjansson-dev    module  jansson
"
check="
clang-14            command clang-14
clang-format-14     command clang-format-14
clang-tidy-14       command clang-tidy-14
llvm-14             command llvm-symbolizer-14
libclang-rt-14-dev  file    /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.asan-*.a
libcmocka-dev       module  cmocka
gcovr               command gcovr
python3             command python3
python3-venv        python  ensurepip
"

# The files of the system's Python tell whether python3-venv is there, whichever python3 comes first in PATH.
has() {
  case $1 in
    command) command -v "$2" >/dev/null ;;
    module) command -v pkg-config >/dev/null && pkg-config --exists "$2" ;;
    file) compgen -G "$2" >/dev/null ;;
    python) command -v python3 >/dev/null && python3 -c "import $2" 2>/dev/null ;;
  esac
}

wanted=$build
if [ "${1:-}" = check ]; then wanted=$build$check; fi
missing=()
while read -r package kind proof; do
  if [ -n "$package" ] && ! has "$kind" "$proof"; then missing+=("$package"); fi
done <<<"$wanted"
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

if ! command -v apt-get >/dev/null; then
  echo "bootstrap: missing, and there is no apt-get here; install the equivalents of: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "bootstrap: missing: ${missing[*]}; become root or install sudo, then: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "bootstrap: installing by apt-get: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
