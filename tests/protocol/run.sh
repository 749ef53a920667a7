#!/usr/bin/env bash
# The official suites and clients against our servers. Needs the network (npm), and Debian's nodejs
# and npm packages to begin with; nothing of it is a dependency of the build.
#
#   tests/protocol/run.sh BUILD-DIRECTORY
#
# Of the real server, BUILD-DIRECTORY/omcp-r-sandbox, the sandbox part runs where an engine answers and
# OMCP_TEST_IMAGE (or omcp-r-test:bookworm) is there.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=$(cd "${1:?usage: run.sh BUILD-DIRECTORY}" && pwd)
WORK=$BUILD/npm
IMAGE=${OMCP_TEST_IMAGE:-omcp-r-test:bookworm}
FIXTURE=$BUILD/tests/protocol/omcp-fixture-server
REAL=$BUILD/omcp-r-sandbox
FAILED=()

say() { printf '== %s\n' "$*"; }
# shellcheck source=tests/protocol/packages.sh
. "$HERE/packages.sh"

# step NAME COMMAND...: goes on after a failure, but remembers it.
step() {
  local name=$1
  shift
  say "$name"
  "$@" || { FAILED+=("$name") && say "FAILED: $name"; }
}

inspector() {
  local server=$1 era
  for era in legacy auto modern; do
    timeout 60 node "$WORK/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js" \
      --cli "$server" --protocol-era "$era" --method tools/list --strict >"$WORK/inspector.out" ||
      { tail -n 20 "$WORK/inspector.out" && return 1; }
    echo "ok inspector, $era: $(grep -c '"inputSchema"' "$WORK/inspector.out") tools"
  done
}

# Offline but for itself: a home of its own, and a key that opens nothing.
claude_code() {
  local server=$1 home list
  home=$(mktemp -d)
  (
    cd "$home"
    export HOME=$home ANTHROPIC_API_KEY=none CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1
    timeout 60 "$CLAUDE" mcp add-json omcp "{\"type\":\"stdio\",\"command\":\"$server\"}" &&
      timeout 90 "$CLAUDE" mcp list
  ) >"$WORK/claude.out" 2>&1 || true
  rm -rf "$home"
  list=$(cat "$WORK/claude.out")
  grep -q 'Connected' <<<"$list" || { echo "$list" && return 1; }
  echo "ok claude mcp list: connected"
}

has_engine() { docker image inspect "$IMAGE" >/dev/null 2>&1; }

install_packages
cd "$WORK"
if [ -x "$FIXTURE" ]; then
  step "Every line against the published schemas" node validate.mjs "$FIXTURE" "$HERE/schema"
  step "Official clients, fixture server" timeout 120 node clients.mjs fixture "$FIXTURE"
  step "Official conformance suite" timeout 300 node conformance.mjs "$FIXTURE" "$HERE/expected-failures.yml"
else
  say "FAILED: there is no $FIXTURE" && FAILED+=("fixture server")
fi
if [ -x "$REAL" ]; then
  step "Inspector --strict, real server" inspector "$REAL"
  step "Claude Code, real server" claude_code "$REAL"
  step "Claude Code, installed into by us" "$HERE/../install_claude_test.sh" "$REAL" "$CLAUDE"
  if has_engine; then
    export DOCKER_IMAGE=$IMAGE
    step "Official clients, real server, real R" timeout 240 node clients.mjs sandbox "$REAL"
  else
    say "No engine with $IMAGE: the sandbox part is left out"
  fi
fi
if ((${#FAILED[@]} > 0)); then
  say "Failed: ${FAILED[*]}"
  exit 1
fi
say "All passed"
