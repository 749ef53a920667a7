#!/usr/bin/env bash
# All tests, on a Debian machine however bare: installs what is missing, starts an engine if none answers,
# makes the images with R, builds, and runs everything. Exit code 0 means all of it passed.
#
#   tests/run.sh            format, asan and release builds with their tests, the real engine last
#   tests/run.sh --quick    the release build and its tests only
#   tests/run.sh -R REGEX   of the release build the tests that match
#   tests/run.sh --ci       clang-tidy, the fuzzers for a moment each, the official MCP suites and clients
#                           from npm, the packages and the benchmark as well (as where CI=true)
# shellcheck disable=SC2317  # the steps are called through step()
set -euo pipefail
# shellcheck source=docker/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../docker/setup.sh"
# shellcheck source=docker/image.sh
. "$ROOT/docker/image.sh"
# shellcheck source=tests/engines.sh
. "$ROOT/tests/engines.sh"

MANAGED_LABEL=omcp-r.managed
JOBS=$(nproc)
QUICK='' AS_CI='' TIDY='' SELECTED=()
[ "${CI-}" != true ] || AS_CI=1
while (($# > 0)); do
  case $1 in
    --quick) QUICK=1 ;;
    --ci) AS_CI=1 ;;
    -R) QUICK=1 SELECTED=(-R "${2:?-R needs a regular expression}") && shift ;;
    -h | --help) sed -n '2,/^# shell/{/^# shell/!s/^# \{0,1\}//p}' "$0" && exit 0 ;;
    *) die "unknown option: $1" "See tests/run.sh --help." ;;
  esac
  shift
done

# --- the steps --------------------------------------------------------------------------------

cpp_files() { find "$@" -name '*.cpp' -o -name '*.h' -o -name '*.hpp'; }

check_format() {
  say "clang-format"
  cpp_files src include tests | xargs -r clang-format --dry-run -Werror
}

# In the background, beside tests that mostly wait; tidy_result says what came of it.
begin_tidy() {
  say "clang-tidy, beside the tests"
  tidy >"$LOGS/tidy" 2>&1 &
  TIDY=$!
}

# Of several sources at once, which takes a third of the time: their headers are what takes most of it.
tidy() {
  cmake --preset debug -DOMCP_UNITY=ON -DOMCP_BUILD_TESTS=OFF >"$LOGS/tidy.configure" ||
    { cat "$LOGS/tidy.configure" && return 1; }
  sed -n '/embedded_/d; s/^ *"file": "\(.*\)",\{0,1\}$/\1/p' build/debug/compile_commands.json |
    nice -n 10 xargs -r -n 1 -P "$JOBS" clang-tidy -p build/debug --quiet --checks=-bugprone-suspicious-include \
      2>"$LOGS/tidy.counts"
}

tidy_result() {
  wait "$TIDY" || { cat "$LOGS/tidy" && return 1; }
}

# build PRESET
build() {
  say "Building: $1"
  local settings=(-DOMCP_BUILD_TESTS=ON)
  # For ten seconds each: what they are compiled with costs more than it gains.
  [ "$1" != fuzz ] || settings=(-DOMCP_BUILD_TESTS=OFF "-DCMAKE_CXX_FLAGS=-O0 -g1")
  [ -z "$AS_CI" ] || settings+=(-DOMCP_UNITY=ON)
  cmake --preset "$1" "${settings[@]}" >"$LOGS/$1.configure" || { cat "$LOGS/$1.configure" && return 1; }
  cmake --build --preset "$1" -j "$JOBS"
}

# build_and_test PRESET CTEST-ARGUMENT...
build_and_test() {
  local preset=$1
  local begin=$SECONDS
  shift
  build "$preset" || return 1
  took "$begin" "  of that building"
  [ -z "$AS_CI" ] || [ "$preset" != release ] || begin_tidy
  say "Testing: $preset"
  ctest --preset "$preset" -j "$((JOBS + 1))" --timeout 600 --no-tests=error "$@" 2>&1 | tee "$LOGS/$preset.ctest"
}

official_suites() {
  say "The official MCP suites and clients"
  tests/protocol/run.sh build
}

# Fails where a ratio is twice off its reach.
benchmark() {
  say "The benchmark, in short"
  tests/bench/run.sh --quick
}

published() {
  say "What is published"
  tests/packaging/run.sh build
}

# step COMMAND...: goes on after a failure, but remembers it; and how long each part took.
step() {
  local begin=$SECONDS
  "$@" || { FAILED+=("$*") && say "FAILED: $*"; }
  took "$begin" "$*"
}
took() { TIMES+=("$(printf '%5d s  %s' "$((SECONDS - $1))" "$2")"); }

# --- what may not be left behind --------------------------------------------------------------

# An engine of 20.10 may go on listing what it has removed: whether it is there, inspect says.
managed_containers() {
  docker ps -aq --no-trunc --filter "label=$MANAGED_LABEL" |
    { xargs -r docker container inspect --format '{{.Id}}' 2>/dev/null || true; } | sort
  as_podman ps -aq --no-trunc --filter "label=$MANAGED_LABEL" | sort
}

# Every process started by a test carries OMCP_TEST_RUN in the environment it was started with.
own_processes() {
  local file
  for file in /proc/[0-9]*/environ; do
    if tr '\0' '\n' 2>/dev/null <"$file" | grep -x "OMCP_TEST_RUN=$OMCP_TEST_RUN" >/dev/null; then
      file=${file%/environ}
      printf '%s %s\n' "${file#/proc/}" "$(tr '\0' ' ' 2>/dev/null <"$file/cmdline" || true)"
    fi
  done
}

# Gives what is just ending ten seconds to be gone.
check_leftovers() {
  local end=$((SECONDS + 10)) containers processes mounts
  while :; do
    containers=$(comm -13 <(printf '%s\n' "$CONTAINERS_BEFORE") <(managed_containers))
    processes=$(own_processes)
    mounts=$(grep -o ' /[^ ]*/omcp-e2e\.[^ ]*' /proc/mounts || true)
    [ -n "$containers$processes$mounts" ] || return 0
    ((SECONDS < end)) || break
    sleep 0.5
  done
  if [ -n "$containers" ]; then
    say "Containers left behind: $containers"
    xargs docker container inspect --format '{{.Created}} {{json .State}} {{json .Config.Labels}}' <<<"$containers" >&2 || true
  fi
  [ -z "$processes" ] || say "Processes left behind: $processes"
  [ -z "$mounts" ] || say "Mounts left behind:$mounts"
  return 1
}

# --- all of it --------------------------------------------------------------------------------

cd "$ROOT"
TIMES=() FAILED=()
install_needs build test ${AS_CI:+ci}
ensure_engine
ensure_test_images
ensure_newest_engine
ensure_runsc
ensure_sshd
ensure_podman "$TEST_IMAGE" "$TEST_IMAGE_BETWEEN" "$TEST_IMAGE_NEWEST"
ensure_base_image
[ -n "${SELECTED[*]}" ] || ensure_server_image
took 0 "packages, engine and images"

LOGS=$(mktemp -d)
trap 'rm -rf "$LOGS"' EXIT
export OMCP_TEST_IMAGE=$TEST_IMAGE OMCP_TEST_IMAGE_BETWEEN=$TEST_IMAGE_BETWEEN
export OMCP_TEST_IMAGE_NEWEST=$TEST_IMAGE_NEWEST
export OMCP_TEST_SERVER_IMAGE=$TEST_SERVER_IMAGE OMCP_TEST_BASE_IMAGE=$BASE_IMAGE
export OMCP_TEST_ENGINE_NEWEST=$NEWEST_ENGINE/bin OMCP_TEST_RUNSC=$RUNSC OMCP_TEST_SSHD=$SSHD
export OMCP_TEST_RUN=$$-$EPOCHSECONDS
CONTAINERS_BEFORE=$(managed_containers)

[ -n "$QUICK" ] || step check_format
[ -n "$QUICK" ] || step build_and_test asan
step build_and_test release "${SELECTED[@]}"
[ -n "$QUICK" ] || step tests/compose_test.sh
[ -z "$TIDY" ] || step tidy_result
[ -z "$AS_CI" ] || step official_suites
[ -z "$AS_CI" ] || step published
[ -z "$AS_CI" ] || step benchmark
[ -z "$AS_CI" ] || step build_and_test fuzz -L fuzz
step check_leftovers
say "Where the time went:"
printf '%s\n' "${TIMES[@]}" >&2
((${#FAILED[@]} > 0)) || exit 0

# The last words are ctest's own, of the builds that failed or else of the last one.
say "Failed: $(printf '%s; ' "${FAILED[@]}")"
for preset in asan release fuzz; do
  [[ " ${FAILED[*]}" != *" build_and_test $preset"* ]] ||
    { sed -n '/tests passed, /,$p' "$LOGS/$preset.ctest" 2>/dev/null || true; }
done
exit 1
