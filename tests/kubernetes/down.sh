#!/usr/bin/env bash
# Takes the test cluster of up.sh down and leaves nothing of it: pods, processes, namespaces, cgroups.
#
#   tests/kubernetes/down.sh [WORK]
#
# Keeps keys, logs and the images already imported (WORK/cluster); rm -r WORK/cluster is allowed afterwards.
# Needs: root. Takes: 2 to 15 seconds. Ends only processes that up.sh started or that live in the namespaces
# and cgroups it made, by process id. Pods go first: otherwise their /run/netns/cni-* would stay.
set -uo pipefail
WORK=${1:-${WORK:-}}
# shellcheck source=tests/kubernetes/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
[ -d "$K" ] || die "no cluster in $WORK"
timeout 40 "${CLIENT[@]}" delete pods --all -A --grace-period=1 --timeout=30s >/dev/null 2>&1

ours() { tr '\0' ' ' < "/proc/$1/cmdline" 2>/dev/null | grep -qF "$WORK"; }
if [ -f "$K/pids" ]; then
  tac "$K/pids" | while read -r pid _; do ours "$pid" && kill "$pid" 2>/dev/null; done
fi
sleep 1
for group in /sys/fs/cgroup/pids/"$PREFIX"n*/; do # containers that outlived their pods
  [ -d "$group" ] || continue
  find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null | while read -r pid; do kill -9 "$pid" 2>/dev/null; done
done
mapfile -t spaces < <(ip netns list | awk '{ print $1 }' | grep -E "^$PREFIX(cp|n[0-9]+)\$")
for space in "${spaces[@]}"; do # what is left: containerd's shims
  for pid in $(ip netns pids "$space"); do kill -9 "$pid" 2>/dev/null; done
done
sleep 1
awk -v under="$K/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l 2>/dev/null
ip link del "vq${PREFIX}0" 2>/dev/null
for space in "${spaces[@]}"; do ip netns del "$space"; done
for group in /sys/fs/cgroup/*/"$PREFIX"n*/; do
  [ -d "$group" ] && find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
done
for space in /run/netns/cni-*; do # only those that were not there before up.sh
  [ -e "$space" ] || continue
  grep -qxF "$(basename "$space")" "$K/cni-before" 2>/dev/null && continue
  ip netns del "$(basename "$space")" 2>/dev/null
  rm -f "$space"
done
rm -rf "$K"/n*/run/ipam "$K/pids"
exit 0
