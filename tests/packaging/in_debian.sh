#!/usr/bin/env bash
# In a fresh Debian: the package VERSION in /artefacts is installed, used as people do, and purged.
set -euo pipefail
version=${1:?usage: in_debian.sh VERSION}
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

die() { printf 'error: %s\n' "$*" >&2 && exit 1; }
ok() { printf 'ok: %s\n' "$*"; }
apt() { apt-get -q "$@" >/tmp/apt.log 2>&1 </dev/null || { tail -n 20 /tmp/apt.log && die "apt-get $*"; }; }

rm -f /etc/dpkg/dpkg.cfg.d/docker  # slim images install no manual pages
apt update
apt install -y --no-install-recommends man-db bash-completion
apt install -y --no-install-recommends "/artefacts/omcp-r-sandbox_${version}-1_$(dpkg --print-architecture).deb"
ok "installed, after $(grep -c '^Setting up' /tmp/apt.log) packages"

[ "$(omcp-r-sandbox --version)" = "omcp-r-sandbox $version" ] || die "--version says: $(omcp-r-sandbox --version)"
answer=$(omcp-r-sandbox <<<'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}' 2>/dev/null)
[[ $answer == *"\"version\":\"$version\""* ]] || die "initialize: $answer"
ok "--version and initialize"

[[ $(MANWIDTH=80 man omcp-r-sandbox 2>&1) == *'--sandbox-timeout SECONDS'* ]] || die "man shows no --sandbox-timeout"
ok "man omcp-r-sandbox"

completed() {
  bash -c '. /usr/share/bash-completion/bash_completion
    _completion_loader omcp-r-sandbox || true
    COMP_WORDS=(omcp-r-sandbox "$@") COMP_CWORD=$# COMPREPLY=()
    _omcp_r_sandbox 2>/dev/null
    echo "${COMPREPLY[*]}"' bash "$@"
}
[ "$(completed --dock)" = '--docker-image --docker --docker-host --docker-context --docker-cert-path' ] || die "--dock completes to: $(completed --dock)"
[ "$(completed --log-level W)" = WARNING ] || die "--log-level W completes to: $(completed --log-level W)"
ok "bash completes --dock and --log-level W"

mapfile -t files < <(dpkg -L omcp-r-sandbox)
for file in "${files[@]}"; do [ -e "$file" ] || die "not installed: $file"; done
apt purge -y omcp-r-sandbox
for file in "${files[@]}"; do
  # Folders may be of others, too.
  [ ! -e "$file" ] || dpkg -S "$file" >/dev/null 2>&1 || die "left behind: $file"
done
! dpkg -s omcp-r-sandbox >/dev/null 2>&1 || die "the package is still known"
ok "purged: nothing of ${#files[@]} paths is left"
