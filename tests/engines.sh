# shellcheck shell=bash
# The newest engine, client and Compose that Debian has, unpacked beside those of this machine. Sourced
# after docker/setup.sh and docker/image.sh.

TEST_SERVER_IMAGE=omcp-r-test-server:latest
NEWEST_ENGINE=$ROOT/build/newest-engine
PODMAN=$ROOT/build/podman
NEWEST_ENGINE_SUITES='sid forky trixie'
NEWEST_ENGINE_PACKAGES='docker.io docker-cli containerd docker-compose'

# Leaves dockerd, containerd, docker and Compose in NEWEST_ENGINE. Their libraries are this machine's, and
# so is runc: theirs asks for a newer C library.
ensure_newest_engine() {
  # shellcheck disable=SC2086
  ensure_programs "the engine" "$NEWEST_ENGINE/bin/dockerd" "$NEWEST_ENGINE_SUITES" $NEWEST_ENGINE_PACKAGES
}

# ensure_programs WHAT PROGRAM SUITES PACKAGE...: what PROGRAM and its like are unpacked from, by the first of
# Debian's SUITES whose PROGRAM runs here.
ensure_programs() {
  local what=$1 program=$2 suites=$3 suite
  shift 3
  [ ! -e "$program" ] || return 0
  for suite in $suites; do
    say "Unpacking $what of Debian $suite"
    if fetch_programs "$suite" "$(dirname "$program")" "$@" >/dev/null && runs "$program"; then return; fi
  done
  die "$what could not be had in a version that runs here" "Tried the suites: $suites"
}

# sshd has no such option, and names itself all the same.
runs() { "$1" --version >&2 || [[ $("$1" --version 2>&1) == *OpenSSH_* ]]; }

# fetch_programs SUITE FOLDER PACKAGE...: their programs into a folder of their own, through an apt of its
# own, so that this machine's package lists stay what they are.
fetch_programs() {
  local suite=$1 folder=$2 work apt package status=0
  shift 2
  work=$(mktemp -d)
  mkdir -p "$work"/{lists/partial,archives/partial,debs,tree}
  touch "$work/status"
  echo "deb $(debian_mirror) $suite main" >"$work/sources.list"
  apt=(apt-get -q -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State=$work"
    -o "Dir::State::Status=$work/status" -o "Dir::Cache=$work" -o APT::Sandbox::User=root)
  if "${apt[@]}" update >&2 && (cd "$work/debs" && "${apt[@]}" download "$@" >&2); then
    for package in "$work"/debs/*.deb; do dpkg-deb -x "$package" "$work/tree"; done
    rm -rf "$folder"
    mkdir -p "$folder"
    find "$work/tree/usr" -type f -perm /111 -exec mv -t "$folder" {} +
  else
    status=1
  fi
  rm -rf "$work"
  return "$status"
}

RUNSC=$ROOT/build/runsc/runsc
RUNSC_SUITES='trixie forky sid'

# Leaves gVisor's runtime in RUNSC: that of this machine's Debian may be too old for R.
ensure_runsc() { ensure_programs gVisor "$RUNSC" "$RUNSC_SUITES" runsc; }

SSHD=$ROOT/build/sshd/sshd

# Leaves an ssh server in SSHD, of this machine's Debian: installed, it would be started as well.
ensure_sshd() {
  ensure_programs "an ssh server" "$SSHD" "$(own_suite)" openssh-server
}

# Leaves podman's configuration and the test images in PODMAN, which nothing else of this machine uses.
# cgroupfs: there may be no systemd; runc: crun refuses the hybrid hierarchy.
ensure_podman() {
  local image
  mkdir -p "$PODMAN"
  printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\nruntime = "runc"\n' >"$PODMAN/containers.conf"
  printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' "$PODMAN/root" "$PODMAN/run" >"$PODMAN/storage.conf"
  for image in "$@"; do
    [ "$(as_podman image inspect --format '{{.Id}}' "$image" 2>/dev/null)" != \
      "$(docker image inspect --format '{{.Id}}' "$image" | sed 's/^sha256://')" ] || continue
    say "Copying $image to podman"
    docker save "$image" | as_podman load >/dev/null || die "podman does not take the image $image"
  done
}
as_podman() {
  CONTAINERS_CONF=$PODMAN/containers.conf CONTAINERS_STORAGE_CONF=$PODMAN/storage.conf podman "$@"
}

# The server's image as docker/Dockerfile makes it, under the name that the tests use.
ensure_server_image() {
  local log
  ensure_base_image
  log=$(mktemp)
  say "Building the server's image"
  docker build --network host --build-arg "BASE_IMAGE=$BASE_IMAGE" --build-arg "VERSION=$(project_version)" \
    -t "$TEST_SERVER_IMAGE" -f "$ROOT/docker/Dockerfile" "$ROOT" >"$log" 2>&1 ||
    { tail -n 30 "$log" >&2 && rm -f "$log" && die "the server's image could not be built"; }
  rm -f "$log"
}
