#!/usr/bin/env bash
# What a sandbox costs on each engine, a column for each: Docker, Podman, gVisor below Docker; and on a cluster
# where tests/kubernetes/run.sh has called this with one. Sets up what is missing, builds and measures. The table
# goes to standard output, the figures to build/bench-engines.
#
#   tests/bench/engines.sh [docker|podman|runsc|kubernetes]...
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$ROOT/docker/setup.sh"
. "$ROOT/docker/image.sh"
. "$ROOT/tests/engines.sh"

cd "$ROOT"
[ $# -gt 0 ] || set -- docker podman runsc
install_needs build test
ensure_engine
make_image bookworm "$TEST_IMAGE"
cmake --preset release -DOMCP_UNITY=ON -DOMCP_BUILD_TESTS=ON >/dev/null
cmake --build build --target bench_engine omcp-r-sandbox >/dev/null
BENCH=$(find build -name bench_engine -type f)
OUT=build/bench-engines
mkdir -p "$OUT"
export OMCP_TEST_IMAGE=$TEST_IMAGE

measure() {
  case $1 in
    docker) "$BENCH" docker ENGINE=docker ;;
    podman)
      ensure_podman "$TEST_IMAGE"
      "$BENCH" podman ENGINE=podman "CONTAINERS_CONF=$PODMAN/containers.conf" \
        "CONTAINERS_STORAGE_CONF=$PODMAN/storage.conf"
      ;;
    runsc)
      ensure_runsc
      "$BENCH" "gVisor (runsc)" --runsc "$RUNSC"
      ;;
    kubernetes) "$BENCH" kubernetes ENGINE=kubernetes "DOCKER=$OMCP_TEST_KUBECTL" "KUBECONFIG=$OMCP_TEST_KUBECONFIG" ;;
    *) die "$1 is no engine that this knows" "Name docker, podman, runsc or kubernetes" ;;
  esac
}

for engine; do
  say "Measuring $engine; nothing else should run on this machine"
  measure "$engine" >"$OUT/$engine.json"
done
files=("${@/#/$OUT/}")
"$BENCH" --table "${files[@]/%/.json}"
