#!/usr/bin/env bash
# Makes .venv with exactly the packages of requirements.lock. PYTHON names another interpreter.
# Safe to interrupt and to repeat.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/setup/tools.sh

is_python_3_11() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3 python; do
    if is_python_3_11 "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  fail "no Python 3.11 (the version of the service's runtime)${PYTHON:+; PYTHON=$PYTHON is another}." \
    "Debian 12:   apt-get install python3.11 python3.11-venv" \
    "elsewhere:   uv python install 3.11, pyenv install 3.11, or conda create python=3.11" \
    "then:        make setup PYTHON=/path/to/python3.11"
}

if ! is_python_3_11 .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python=$(find_python)
  say "making .venv with $("$python" --version)"
  rm -rf .venv
  "$python" -m venv .venv || fail "$python cannot make a virtual environment." \
    "Debian 12: apt-get install python3.11-venv"
fi

# uv installs in one minute what takes pip several; the lock holds its version and hashes as well
uv_pin=$(mktemp)
trap 'rm -f "$uv_pin"' EXIT
awk '/^uv==/ { inside = 1 } inside { print } inside && !/\\$/ { exit }' requirements.lock >"$uv_pin"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$uv_pin"

# a mirror that pip was told of serves uv too
mirror=${PIP_INDEX_URL:-$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)}
if [ -n "$mirror" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$mirror}"; fi
export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-300}" # seconds: some packages have hundreds of MB

say "installing the locked packages into .venv (7 GB on disk; minutes the first time)"
.venv/bin/uv pip sync --python .venv/bin/python --require-hashes \
  --build-constraints deploy/setup/build-constraints.txt requirements.lock
