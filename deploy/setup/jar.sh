#!/usr/bin/env bash
# Builds build/pyflink-dependencies.jar from deploy/pom.xml.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/setup/tools.sh

command -v mvn >/dev/null || fail "no Maven (mvn), which builds build/pyflink-dependencies.jar." \
  "Debian, Ubuntu: apt-get install maven" \
  "macOS:          brew install maven" \
  "or put a jar that was built elsewhere from the same deploy/pom.xml there"

JAVA_HOME=$(java_home)
export JAVA_HOME
say "building build/pyflink-dependencies.jar with Maven (JAVA_HOME=$JAVA_HOME)"
mvn --quiet --batch-mode --file deploy/pom.xml package
# whole or not at all: an interrupted build leaves no jar under the final name
mv build/jar/pyflink-dependencies.jar build/pyflink-dependencies.jar
rm -rf build/jar
