#!/usr/bin/env bash
# Builds all that is published, and checks each as those who get it use it.
#
#   tests/packaging/run.sh BUILD-DIRECTORY      one that cmake has configured
#
# Needs the network (Debian's packages and npm). Where an engine answers, the Debian package is installed
# in a fresh Debian and the static program runs in an empty container, on the oldest Debian that can be
# had, and with real R; without one that is left out. OMCP_SERVER_SCHEMA names the registry's own schema
# for server.json, where somebody has it.
# shellcheck disable=SC2317  # the steps are called through step()
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=docker/setup.sh
. "$HERE/../../docker/setup.sh"
# shellcheck source=docker/image.sh
. "$ROOT/docker/image.sh"
# shellcheck source=docker/client.sh
. "$ROOT/docker/client.sh"
# shellcheck source=tests/engines.sh
. "$ROOT/tests/engines.sh"

BUILD=$(cd "${1:?usage: run.sh BUILD-DIRECTORY}" && pwd)
ARTEFACTS=$BUILD/artefacts
NPM=$BUILD/packaging-npm
OLD_SUITES='buster bullseye'
SERVER_IMAGE=$TEST_SERVER_IMAGE
EMPTY_IMAGE=omcp-r-test-empty:latest
VERSION=$(project_version)
DEB=$ARTEFACTS/omcp-r-sandbox_$VERSION-1_$(dpkg --print-architecture).deb
STATIC=$ARTEFACTS/omcp-r-sandbox-$VERSION-linux-$(uname -m)
BUNDLE=$ARTEFACTS/omcp-r-sandbox-$VERSION.mcpb
INITIALIZE='{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'
LIST_TOOLS='{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{}}'
PASSED=0 FAILED=()

# step WHAT COMMAND...: goes on after a failure, but remembers it. In a shell of its own, where any
# failure ends the step; as a condition it would go on.
step() {
  local what=$1 status
  shift
  set +e
  (set -e && "$@")
  status=$?
  set -e
  if ((status == 0)); then
    PASSED=$((PASSED + 1)) && say "ok: $what"
  else
    FAILED+=("$what") && say "FAILED: $what"
  fi
}

# expect_text WHAT TEXT PART: TEXT has PART in it.
expect_text() { [[ $2 == *"$3"* ]] || die "$1 has no '$3':" "$2"; }

install_mcpb() {
  mkdir -p "$NPM"
  if ! cmp -s "$HERE/package-lock.json" "$NPM/package-lock.json" || [ ! -d "$NPM/node_modules" ]; then
    cp "$HERE/package.json" "$HERE/package-lock.json" "$NPM/"
    (cd "$NPM" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) ||
      { rm -f "$NPM/package-lock.json" && return 1; }
  fi
}
mcpb() { node "$NPM/node_modules/@anthropic-ai/mcpb/dist/cli/cli.js" "$@"; }

# --- the version ------------------------------------------------------------------------------

one_place_states_the_version() {
  local places
  # Release candidates are of other programs.
  places=$(git -C "$ROOT" grep -nwF "$VERSION" -- . ':!tests' ':!CHANGELOG.md' | grep -vE "${VERSION}[-~]rc")
  [ "$(wc -l <<<"$places")" = 1 ] || die "the version stands in several places:" "$places"
  expect_text "the only place" "$places" "CMakeLists.txt:"
}

changelog_begins_with_the_version() {
  local top
  top=$(sed -n 's/^## \[\([^]]*\)\].*/\1/p' "$ROOT/CHANGELOG.md" | head -n 1)
  [ "$top" = "$VERSION" ] || die "CHANGELOG.md begins with '$top', and CMakeLists.txt says $VERSION"
}

the_servers_image_has_the_version() {
  local label
  label=$(docker inspect -f '{{index .Config.Labels "org.opencontainers.image.version"}}' "$SERVER_IMAGE")
  [ "$label" = "$VERSION" ] || die "the image's label says '$label', and CMakeLists.txt $VERSION"
}

# --- pages and completions --------------------------------------------------------------------

manual_page_has_no_warnings() {
  local page=$BUILD/packaging/omcp-r-sandbox.1 said
  said=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
  [ -z "$said" ] || die "man warns:" "$said"
  expect_text "the page" "$(MANWIDTH=80 man -l "$page" 2>/dev/null | col -b)" '--sandbox-memory SIZE'
}

every_flag_is_in_every_page() {
  local flag file
  for flag in install run list remove $({ "$STATIC" --help && "$STATIC" install --help && "$STATIC" run --help &&
    "$STATIC" list --help && "$STATIC" remove --help; } | sed -n 's/^  \(--[a-z-]*\).*/\1/p') \
    $("$STATIC" install --help | sed -n '/^Hosts:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
    for file in omcp-r-sandbox.1 omcp-r-sandbox.bash _omcp-r-sandbox omcp-r-sandbox.fish; do
      sed 's/\\-/-/g; s/ -l / --/' "$BUILD/packaging/$file" | grep -F -- "$flag" >/dev/null || die "$file lacks $flag"
    done
  done
}

shells_complete() {
  local answer
  answer=$(bash -c ". '$BUILD/packaging/omcp-r-sandbox.bash'
    COMP_WORDS=(omcp-r-sandbox --dock) COMP_CWORD=1 && _omcp_r_sandbox && echo \"\${COMPREPLY[*]}\"")
  expect_text "bash's answer to --dock" "$answer" '--docker-image --docker --docker-host --docker-context --docker-cert-path'
  answer=$(bash -c ". '$BUILD/packaging/omcp-r-sandbox.bash'
    COMP_WORDS=(omcp-r-sandbox install co) COMP_CWORD=2 && _omcp_r_sandbox && echo \"\${COMPREPLY[*]}\"")
  expect_text "bash's answer to install co" "$answer" codex
  answer=$(bash -c ". '$BUILD/packaging/omcp-r-sandbox.bash'
    COMP_WORDS=(omcp-r-sandbox r) COMP_CWORD=1 && _omcp_r_sandbox && echo \"\${COMPREPLY[*]}\"")
  expect_text "bash's answer to r" "$answer" 'run repl remove'
  answer=$(bash -c ". '$BUILD/packaging/omcp-r-sandbox.bash'
    COMP_WORDS=(omcp-r-sandbox run a.R --kee) COMP_CWORD=3 && _omcp_r_sandbox && echo \"\${COMPREPLY[*]}\"")
  expect_text "bash's answer to run --kee" "$answer" --keep
  zsh -n "$BUILD/packaging/_omcp-r-sandbox"
  answer=$(fish --no-config -c "source '$BUILD/packaging/omcp-r-sandbox.fish'; complete -C 'omcp-r-sandbox --log-level '")
  expect_text "fish's answer to --log-level" "$answer" WARNING
  answer=$(fish --no-config -c "source '$BUILD/packaging/omcp-r-sandbox.fish'; complete -C 'omcp-r-sandbox install --'")
  expect_text "fish's answer to install --" "$answer" --uninstall
  answer=$(fish --no-config -c "source '$BUILD/packaging/omcp-r-sandbox.fish'; complete -C 'omcp-r-sandbox run --kee'")
  expect_text "fish's answer to run --kee" "$answer" --keep
}

# --- the Debian package -----------------------------------------------------------------------

lintian_finds_no_error() { lintian --allow-root --fail-on error "$DEB" >&2; }

# On this machine's Debian, for which it was made, and on the newer one of the server's image.
package_is_used_and_purged() {
  local suite
  for suite in $({ own_suite && echo "$BASE_SUITE"; } | sort -u); do
    make_image "$suite" "omcp-r-base:$suite" nothing
    say "On Debian $suite"
    # shellcheck disable=SC2016
    with_proxy sh -c 'docker run --rm --network host -e http_proxy -e https_proxy -v "$1:/artefacts:ro" \
      -v "$2:/in_debian.sh:ro" "$3" bash /in_debian.sh "$4" >&2' \
      sh "$ARTEFACTS" "$HERE/in_debian.sh" "omcp-r-base:$suite" "$VERSION"
  done
}

# --- the static program -----------------------------------------------------------------------

is_static() {
  local dynamic
  dynamic=$(LC_ALL=C readelf -d -l "$STATIC")
  [[ $dynamic != *NEEDED* && $dynamic != *INTERP* ]] || die "it needs a library:" "$dynamic"
}

has_notices() {
  local library notices
  notices=$(<"$STATIC.notices.txt")
  for library in libboost libc6-dev libstdc++ libedit-dev libbsd-dev libfmt-dev libspdlog-dev nlohmann-json3-dev; do
    [[ $notices == *"==== $library"* ]] || die "the notices lack $library"
  done
  [[ $notices == *'Regents of the University of California'* ]] || die "the notices have no text"
}

# answers_as COMMAND...: the command is the program, however it is started.
answers_as() {
  expect_text --version "$("$@" --version)" "omcp-r-sandbox $VERSION"
  expect_text --print-config "$("$@" --print-config)" DOCKER_IMAGE=
  expect_text initialize "$("$@" <<<"$INITIALIZE" 2>/dev/null)" '"name":"omcp-r-sandbox"'
}

runs_in_an_empty_container() {
  tar -C "$ARTEFACTS" -c "$(basename "$STATIC")" | docker import -c "ENTRYPOINT [\"/$(basename "$STATIC")\"]" - "$EMPTY_IMAGE" >&2
  answers_as docker run --rm -i --network none "$EMPTY_IMAGE"
}

runs_on_an_old_debian() {
  local suite image
  for suite in $OLD_SUITES; do
    image=omcp-r-base:$suite
    if ! (make_image "$suite" "$image" nothing); then
      say "Debian's suite $suite can't be had here"
      continue
    fi
    # Without HOME, as hosts start us: the user's home is looked up without that Debian's C library.
    local program=(docker run --rm -i --network none -v "$STATIC:/program:ro" "$image" env -u HOME /program)
    answers_as "${program[@]}"
    expect_text --print-config "$("${program[@]}" --print-config)" STATE_DIR=/root/.local/state/
    say "on Debian $suite, $(docker run --rm "$image" cat /etc/debian_version)"
    return
  done
  die "no old Debian could be had: tried $OLD_SUITES"
}

# runs_real_r COMMAND...: the command is the server, however it is started.
runs_real_r() {
  local id
  at_exit() { :; }  # of this shell, which start_server has call it
  mkdir -p "$WORK/data" && echo 'from the host' >"$WORK/data/in.txt"
  start_server env "DOCKER_IMAGE=${OMCP_TEST_IMAGE:-$TEST_IMAGE}" "SCOPE=packaging-test-$$" WARM_POOL=0 \
    "DATA_DIR=$WORK/data" "$@"
  call 2 create_sandbox '{}'
  id=$(json_text sandbox_id <<<"$ANSWER")
  call 3 execute_r_code "{\"sandbox_id\":\"$id\",\"code\":\"readLines('/data/in.txt')\"}"
  expect_text "what R printed" "$(json_text text <<<"$ANSWER")" '[1] "from the host"'
  call 4 remove_sandbox "{\"sandbox_id\":\"$id\",\"force\":true}"
  stop_server
}

# --- the bundle -------------------------------------------------------------------------------

bundle_is_valid() {
  mcpb validate "$BUILD/packaging/mcpb/manifest.json" >&2
  mcpb pack "$BUILD/packaging/mcpb" "$WORK/packed.mcpb" >&2
  mcpb unpack "$BUNDLE" "$WORK/unpacked" >&2
  diff -r "$BUILD/packaging/mcpb" "$WORK/unpacked" >&2
}

programs_in_the_bundle_have_their_modes() {
  python3 - "$BUNDLE" <<'PYTHON'
import sys, zipfile
want = {'manifest.json': 0o644, 'icon.png': 0o644, 'server/launch.js': 0o755, 'server/notices.txt': 0o644, 'server/omcp-r-sandbox': 0o755}
have = {i.filename: i.external_attr >> 16 & 0o777 for i in zipfile.ZipFile(sys.argv[1]).infolist() if not i.is_dir()}
assert have == want, {name: oct(mode) for name, mode in have.items()}
PYTHON
}

# From a folder with a blank in its name, and as a host does where the user answered nothing.
bundle_serves_natively() {
  local folder="$WORK/a bundle" answer
  python3 -m zipfile -e "$BUNDLE" "$folder"  # which loses the modes, as some hosts do
  # shellcheck disable=SC2016
  answer=$(DATA_DIR='${user_config.data_dir}' OMCP_SERVER_IMAGE='${user_config.server_image}' SANDBOX_MEMORY='' \
    node "$folder/server/launch.js" <<<"$INITIALIZE"$'\n'"$LIST_TOOLS" 2>/dev/null)
  expect_text initialize "$answer" '"name":"omcp-r-sandbox"'
  python3 - "$folder/manifest.json" "$VERSION" 3<<<"$answer" <<'PYTHON'
import json, os, sys
manifest = json.load(open(sys.argv[1]))
assert manifest['version'] == sys.argv[2], manifest['version']
[tools] = [m['result']['tools'] for m in map(json.loads, os.fdopen(3)) if m.get('id') == 2]
assert [t['name'] for t in manifest['tools']] == sorted(t['name'] for t in tools), tools
PYTHON
}

launcher_makes_the_right_command_line() {
  rm -rf "$WORK/for-node" && mcpb unpack "$BUNDLE" "$WORK/for-node" >/dev/null
  OMCP_BUNDLE_FOLDER=$WORK/for-node node --test "$HERE/launch.test.mjs" >&2
}

# As on a Mac, but for the engine being this machine's: R runs in a sandbox beside the server's container.
launcher_runs_real_r() {
  local folder=$WORK/for-engine state=omcp-r-state had_state=''
  ! docker volume inspect "$state" >/dev/null 2>&1 || had_state=1
  mcpb unpack "$BUNDLE" "$folder" >/dev/null
  # Two settings more than a host asks for, which keep the test's sandboxes apart.
  sed -i 's/"env": {/"env": { "SCOPE": "", "WARM_POOL": "",/' "$folder/manifest.json"
  # shellcheck disable=SC2016
  runs_real_r env "OMCP_SERVER_IMAGE=$SERVER_IMAGE" \
    node -e 'require(process.argv[1]).main({platform: "darwin", arch: "arm64"}).then((code) => process.exit(code))' \
    "$folder/server/launch.js"
  [ -n "$had_state" ] || docker volume rm "$state" >/dev/null
}

# --- the registry's entry ---------------------------------------------------------------------

registry_entry_is_valid() {
  local schema
  for schema in "$HERE/server.schema.json" ${OMCP_SERVER_SCHEMA:+"$OMCP_SERVER_SCHEMA"}; do
    python3 - "$schema" "$ARTEFACTS/server.json" <<'PYTHON'
import json, jsonschema, sys
schema, entry = (json.load(open(name)) for name in sys.argv[1:])
jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker()).validate(entry)
PYTHON
  done
  python3 - "$ARTEFACTS/server.json" "$BUNDLE" "$VERSION" "$ROOT/docker/Dockerfile" <<'PYTHON'
import hashlib, json, sys
entry, version = json.load(open(sys.argv[1])), sys.argv[3]
oci, mcpb = entry['packages']
assert entry['version'] == version and oci['identifier'].endswith(':' + version), entry
assert mcpb['fileSha256'] == hashlib.sha256(open(sys.argv[2], 'rb').read()).hexdigest()
assert mcpb['identifier'].endswith(sys.argv[2].rsplit('/', 1)[1]), mcpb
assert f'server.name="{entry["name"]}"' in open(sys.argv[4]).read(), entry['name']
PYTHON
}

# --- all of it --------------------------------------------------------------------------------

at_exit() {
  rm -rf "$WORK"
  docker rmi "$EMPTY_IMAGE" >/dev/null 2>&1 || true
}

install_needs build pack
WORK=$(mktemp -d)
trap at_exit EXIT
cmake --build "$BUILD" -j "$(nproc)" --target artefacts

step "One place states the version" one_place_states_the_version
step "CHANGELOG.md begins with the version" changelog_begins_with_the_version
step "The manual page renders without warnings" manual_page_has_no_warnings
step "Every flag is in the manual page and the completions" every_flag_is_in_every_page
step "Bash, zsh and fish complete" shells_complete
step "lintian finds no error" lintian_finds_no_error
step "The static program needs no library" is_static
step "The static program has the notices of what is in it" has_notices
step "The static program answers here" answers_as "$STATIC"
install_mcpb
step "mcpb validates, packs and unpacks the bundle" bundle_is_valid
step "Programs in the bundle have their modes" programs_in_the_bundle_have_their_modes
step "The bundle serves natively" bundle_serves_natively
step "The launcher makes the right command line" launcher_makes_the_right_command_line
step "The registry's entry is valid" registry_entry_is_valid
if engine_answers; then
  step "The Debian package is installed, used and purged" package_is_used_and_purged
  step "The static program runs in an empty container" runs_in_an_empty_container
  step "The static program runs on an old Debian" runs_on_an_old_debian
  step "The static program runs real R" runs_real_r "$STATIC"
  ensure_server_image
  step "The server's image has the version" the_servers_image_has_the_version
  step "The bundle runs real R in the server's image" launcher_runs_real_r
else
  say "No engine answers: the parts with containers are left out"
fi
((${#FAILED[@]} == 0)) || say "Failed: $(printf '%s; ' "${FAILED[@]}")"
printf '%d passed, %d failed\n' "$PASSED" "${#FAILED[@]}"
((${#FAILED[@]} == 0))
