#!/usr/bin/env bash
# `omcp-r-sandbox install` with the real Claude Code, in a home of its own.
#
#   tests/install_claude_test.sh BINARY CLAUDE
#
# CLAUDE is the program of npm's @anthropic-ai/claude-code; see tests/protocol/run.sh.
set -euo pipefail
BINARY=$(realpath "${1:?usage: install_claude_test.sh BINARY CLAUDE}")
CLAUDE=$(realpath "${2:?usage: install_claude_test.sh BINARY CLAUDE}")
HOME=$(mktemp -d)
trap 'rm -rf "$HOME"' EXIT
mkdir "$HOME/bin" "$HOME/work"
ln -s "$CLAUDE" "$HOME/bin/claude"
# A key that opens nothing; nothing of the caller's own configuration.
export HOME PATH=$HOME/bin:$PATH ANTHROPIC_API_KEY=none CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1
unset CLAUDE_CONFIG_DIR
cd "$HOME/work"

fail() {
  echo "FAILED: $1"
  echo "$2"
  exit 1
}

# expect TEXT COMMAND...: the command succeeds and its output has TEXT in it.
expect() {
  local text=$1 output
  shift
  output=$(timeout 120 "$@" 2>&1) || fail "$*: exit code $?" "$output"
  grep -qF -- "$text" <<<"$output" || fail "$*: no \"$text\"" "$output"
  echo "ok $*: $text"
}

expect 'mcp add-json omcp-r-sandbox' "$BINARY" install claude-code --env WARM_POOL=0
expect "$BINARY" claude mcp get omcp-r-sandbox
expect 'WARM_POOL=0' claude mcp get omcp-r-sandbox
expect 'Connected' claude mcp list
expect 'already configured' "$BINARY" install claude-code --env WARM_POOL=0
expect 'answers as omcp-r-sandbox' "$BINARY" install --list claude-code
# Another setting takes the place of the first, by the same door.
expect 'mcp remove omcp-r-sandbox' "$BINARY" install claude-code --env WARM_POOL=1
expect 'WARM_POOL=1' claude mcp get omcp-r-sandbox
expect 'mcp remove omcp-r-sandbox' "$BINARY" install claude-code --uninstall
expect 'No MCP servers' claude mcp list
expect 'not configured' "$BINARY" install claude-code --uninstall
# Without the command, its file.
rm "$HOME/bin/claude"
expect '.claude.json' "$BINARY" install claude-code
ln -s "$CLAUDE" "$HOME/bin/claude"
expect 'Connected' claude mcp list
