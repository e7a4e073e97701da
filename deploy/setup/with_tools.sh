#!/usr/bin/env bash
# Runs a command with JAVA_HOME set to a Java that Flink runs on, and node on PATH.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
. deploy/setup/tools.sh

JAVA_HOME=$(java_home)
PATH="$root/.venv/bin:$(node_bin):$PATH"
export JAVA_HOME PATH
exec "$@"
