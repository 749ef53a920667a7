#!/usr/bin/env bash
# What callers wait for, each figure against its baseline in the same run: sets up what is missing, builds,
# and measures on the real engine with real R. The table goes to standard error, the figures to
# BUILD/bench.json.
#
#   tests/bench/run.sh [--quick]
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$ROOT/docker/setup.sh"
. "$ROOT/docker/image.sh"

cd "$ROOT"
install_needs build test
ensure_engine
make_image bookworm "$TEST_IMAGE"
cmake --preset release -DOMCP_UNITY=ON -DOMCP_BUILD_TESTS=ON >/dev/null
cmake --build build --target bench_calls omcp-r-sandbox >/dev/null
say "Measuring; nothing else should run on this machine"
OMCP_TEST_IMAGE=$TEST_IMAGE "$(find build -name bench_calls -type f)" "$@" >build/bench.json
say "The figures: build/bench.json"
