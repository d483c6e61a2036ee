#!/usr/bin/env bash
# Writes demo.lock and test.lock: what pip installs today into a clean environment for what pyproject.toml asks.
set -euo pipefail
cd "$(dirname "$0")"
clean=$(mktemp -d)
trap 'rm -rf "$clean"' EXIT
"${PYTHON:-python3}" -m venv "$clean"
pip=("$clean/bin/python" -m pip --disable-pip-version-check --quiet)

frozen() { "${pip[@]}" freeze --all | grep -vE '^pip==' | sort; }
install() { "$clean/bin/python" extra.py "$@" > "$clean/wanted.txt" && "${pip[@]}" install -r "$clean/wanted.txt"; }

"${pip[@]}" install "setuptools>=77" wheel
install
install serve phantom
frozen > "$clean/demo.lock"
install dev dicom
{ echo "-r demo.lock"; frozen | comm -13 "$clean/demo.lock" -; } > "$clean/test.lock"
mv "$clean/demo.lock" "$clean/test.lock" .
