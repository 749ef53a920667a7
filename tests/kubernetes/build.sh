#!/usr/bin/env bash
# Builds the servers of Kubernetes 1.20.2 from the source package of Debian 12, which is the complete
# upstream tree with vendor/ (34 MB): nothing but Debian's packages is fetched, and the build is offline.
#
#   tests/kubernetes/build.sh [WORK]
#
# Leaves in WORK: bin/ (six binaries, 430 MB), tools/ (unpacked packages; nothing is installed),
# pause.tar (the image that holds a pod's namespaces), and src/ with the build cache. Finished steps are
# skipped, so it can be run again. A newer CNI bridge comes from sid, for CNI_MODE=isolated of up.sh.
#
# Needs: apt with Debian's lists present (apt-get update), dpkg-dev, make, gcc with static libc, jq, tar,
#   and docker with a running engine for pause.tar. About 4 GB of disk.
# Takes: 8 minutes on 2 quiet cores (77 s generated files, 400 s compiling, 630 CPU seconds). Measured:
#   Debian 12, 2 cores. Keep WORK/bin and WORK/pause.tar: they are all that a later run needs beside tools/.
# Kubernetes 1.20 is long out of support: for tests in namespaces of their own, never for use.
set -euo pipefail
WORK=${1:-${WORK:-}}
# shellcheck source=tests/kubernetes/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
SUITE=${SUITE:-bookworm}
for tool in dpkg-source make gcc jq docker; do have "$tool" || die "$tool is missing"; done
mkdir -p "$WORK/home" "$WORK/deb" "$TOOLS" "$BIN"

# A private apt configuration: the host is the one that this machine's own sources name for Debian.
APT=$WORK/apt
# shellcheck disable=SC2016 # apt's own placeholders
uri=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
  awk '$1 == "Debian" && $2 !~ /security/ { print $2; exit }')
[ -n "$uri" ] || die "no Debian archive among apt's sources; run apt-get update first"
private_apt() { # suite command...
  local suite=$1 dir=$APT/$1
  shift
  if [ ! -f "$dir/ready" ]; then
    mkdir -p "$dir/lists/partial" "$dir/archives/partial" "$dir/parts"
    printf 'deb %s %s main\ndeb-src %s %s main\n' "$uri" "$suite" "$uri" "$suite" > "$dir/sources.list"
  fi
  local options=(-q -o "Dir::Etc::SourceList=$dir/sources.list" -o "Dir::Etc::SourceParts=$dir/parts"
    -o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir" -o "Dir::Cache::Archives=$dir/archives"
    -o APT::Sandbox::User=root)
  [ -f "$dir/ready" ] || { apt-get "${options[@]}" update && touch "$dir/ready"; }
  apt-get "${options[@]}" "$@"
}
unpack() { # suite target package...
  local suite=$1 target=$2 package
  shift 2
  mkdir -p "$target"
  for package in "$@"; do
    (cd "$WORK/deb" && rm -f "${package}"_*.deb && private_apt "$suite" download "$package" &&
      dpkg -x "${package}"_*.deb "$target")
  done
}

if [ ! -f "$TOOLS/ready" ]; then
  unpack "$SUITE" "$TOOLS" golang-1.19-go golang-1.19-src rsync libpopt0 libxxhash0 etcd-server \
    containernetworking-plugins
  touch "$TOOLS/ready"
fi
if [ ! -x "$WORK/cni-isolating/usr/lib/cni/bridge" ]; then
  unpack "${ISOLATING_CNI_SUITE:-sid}" "$WORK/cni-isolating" containernetworking-plugins
fi
if [ ! -d "$SRC" ] && { [ ! -x "$BIN/kube-apiserver" ] || [ ! -f "$PAUSE_TAR" ]; }; then
  mkdir -p "$WORK/src"
  (cd "$WORK/src" && private_apt "$SUITE" source --download-only kubernetes &&
    dpkg-source -x kubernetes_*.dsc "$SRC.part" && mv "$SRC.part" "$SRC")
fi

PARTS=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)
if [ ! -x "$BIN/kube-apiserver" ]; then
  ( # the variables below are for the build alone: docker keeps the caller's HOME
    export GOROOT=$TOOLS/usr/lib/go-1.19 HOME=$WORK/home
    export PATH=$GOROOT/bin:$TOOLS/usr/bin:$PATH
    LD_LIBRARY_PATH=$TOOLS/usr/lib/$(gcc -print-multiarch) # for rsync only
    export LD_LIBRARY_PATH
    export GOFLAGS=-mod=vendor GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0
    export KUBE_GIT_TREE_STATE=clean KUBE_GIT_VERSION=v1.20.2 KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20
    export KUBE_GIT_COMMIT=faecb196815e248d3ecfb03c680a4507229c2a56
    time nice -n 15 make -C "$SRC" generated_files
    time nice -n 15 make -C "$SRC" WHAT="${PARTS[*]/#/cmd/}"
  )
  cp "${PARTS[@]/#/$SRC/_output/bin/}" "$BIN"
fi
if [ ! -f "$PAUSE_TAR" ]; then
  mkdir -p "$WORK/pause"
  gcc -Os -static -DVERSION=local -o "$WORK/pause/pause" "$SRC/build/pause/linux/pause.c"
  tar -C "$WORK/pause" -c pause | docker import -c 'ENTRYPOINT ["/pause"]' - "$PAUSE_IMAGE"
  docker save -o "$PAUSE_TAR" "$PAUSE_IMAGE"
  docker image rm "$PAUSE_IMAGE" > /dev/null
fi
ls -l "$BIN" "$PAUSE_TAR"
