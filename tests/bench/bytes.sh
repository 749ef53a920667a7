#!/usr/bin/env bash
# What a model sees of each kind of result, in bytes, through the real Claude Code: its API is a stand-in on
# this machine, and no model is asked. Exit code 1 where a result is longer than it may be.
#
#   tests/bench/bytes.sh BUILD-DIRECTORY [--json FILE]
#
# BUILD-DIRECTORY has the server. What else it takes is brought: npm's packages as tests/protocol/run.sh has
# them, an engine, and the image OMCP_TEST_IMAGE (or omcp-r-test:bookworm).
# shellcheck disable=SC2317  # what a trap calls
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=docker/setup.sh
. "$HERE/../../docker/setup.sh"
# shellcheck source=docker/image.sh
. "$ROOT/docker/image.sh"

BUILD='' JSON=() NODE=''
while (($# > 0)); do
  case $1 in
    --json) JSON=(--json "$(realpath -m "${2:?--json needs a file}")") && shift ;;
    -h | --help) sed -n '2,/^# shell/{/^# shell/!s/^# \{0,1\}//p}' "$0" && exit 0 ;;
    -*) die "unknown option: $1" "See tests/bench/bytes.sh --help." ;;
    *) BUILD=$1 ;;
  esac
  shift
done
BUILD=$(cd "${BUILD:?usage: bytes.sh BUILD-DIRECTORY [--json FILE]}" && pwd)
SERVER=$BUILD/omcp-r-sandbox
WORK=$BUILD/npm
IMAGE=${OMCP_TEST_IMAGE:-$TEST_IMAGE}
SCOPE=bench-bytes-$$-$RANDOM
[ -x "$SERVER" ] || die "there is no $SERVER" "Build it first: docs/building.md."
# shellcheck source=tests/protocol/packages.sh
. "$ROOT/tests/protocol/packages.sh"

# What carries a label of this run: the sandboxes, and R by itself.
containers() {
  docker ps -aq --no-trunc --filter "label=omcp-r.scope=$SCOPE"
  docker ps -aq --no-trunc --filter "label=omcp-r-bench=$SCOPE"
}
clean_up() {
  trap '' INT TERM
  [ -z "$NODE" ] || { kill "$NODE" 2>/dev/null && wait "$NODE"; } || true
  rm -rf "$OWN_HOME"
  containers | xargs -r docker rm -f -v >/dev/null 2>&1 || true
  [ -z "$(containers)" ] || say "Containers are left behind: docker ps -a --filter label=omcp-r.scope=$SCOPE"
}

ensure_engine
[ -n "${OMCP_TEST_IMAGE-}" ] || make_image bookworm "$TEST_IMAGE"
has_image "$IMAGE" || die "the engine has no image $IMAGE"
install_packages >&2
OWN_HOME=$(mktemp -d)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export DOCKER_CONFIG=${DOCKER_CONFIG:-$HOME/.docker}
node "$HERE/bytes.mjs" --claude "$CLAUDE" --server "$SERVER" --image "$IMAGE" --scope "$SCOPE" \
  --home "$OWN_HOME" "${JSON[@]}" &
NODE=$!
status=0
wait "$NODE" || status=$?
NODE=''
exit "$status"
