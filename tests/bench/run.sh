#!/usr/bin/env bash
# What callers wait for, each figure against its baseline in the same run: sets up what is missing, builds,
# and measures on the real engine with real R, then the protocol alone beside the official SDK's server
# (from npm). The tables go to standard error, the figures to build/bench.json, and what R draws of them in
# a sandbox of ours to build/bench.png.
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
cmake --build build --target bench_calls bench_protocol omcp-r-sandbox >/dev/null
WORK=$ROOT/build/npm
# shellcheck source=tests/protocol/packages.sh
. "$ROOT/tests/protocol/packages.sh"
install_packages
say "Measuring; nothing else should run on this machine"
OMCP_TEST_IMAGE=$TEST_IMAGE "$(find build -name bench_calls -type f)" "$@" build/bench.png >build/bench.json
tests/bench/protocol.sh build >&2
say "The figures: build/bench.json; the curves: build/bench.png"
