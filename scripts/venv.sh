#!/usr/bin/env bash
# Makes .venv with the packages of tests/requirements.txt; nothing to do when it has them already.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.venv/requirements.txt
if [ -x .venv/bin/python ] && cmp -s tests/requirements.txt "$stamp"; then exit 0; fi
echo "venv: installing the peers of the tests into .venv"
rm -rf .venv
python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
cp tests/requirements.txt "$stamp"
