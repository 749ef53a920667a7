#!/usr/bin/env bash
# The server in its container: docker/docker-compose.yml builds, runs locked down, and R answers through it.
# Needs an engine and OMCP_TEST_IMAGE; takes every Compose there is, v1 and v2.
set -euo pipefail
# shellcheck source=docker/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../docker/setup.sh"
# shellcheck source=docker/image.sh
. "$ROOT/docker/image.sh"
# shellcheck source=docker/client.sh
. "$ROOT/docker/client.sh"

export DOCKER_IMAGE=${OMCP_TEST_IMAGE:-$TEST_IMAGE}
export SANDBOX_TIMEOUT=60 SERVER_IMAGE=${OMCP_TEST_SERVER_IMAGE:-omcp-r-test-server:latest} SCOPE=compose-test-$$ COMPOSE_PROJECT_NAME=omcp-r-test-$$
FILE=$ROOT/docker/docker-compose.yml

expect() { # expect WHAT HAVE WANT
  [ "$2" = "$3" ] || die "$1 is '$2', not '$3'"
  say "ok: $1 is $3"
}

# The group id inside the engine's own machine, as a container sees the socket.
socket_group() {
  docker run --rm --network none -v /var/run/docker.sock:/s "$DOCKER_IMAGE" stat -c %g /s
}

refuses_to_run_without_a_group() {
  local answer
  answer=$(env -u DOCKER_GID "$@" -f "$FILE" config 2>&1) && die "Compose takes no DOCKER_GID for granted"
  [[ $answer == *'export DOCKER_GID='* ]] || die "Compose does not say what is missing: $answer"
  say "ok: without DOCKER_GID it says how to find it"
}

is_locked_down() {
  local name=$1
  expect "the root file system's read-only flag" "$(docker inspect -f '{{.HostConfig.ReadonlyRootfs}}' "$name")" true
  expect "the list of dropped capabilities" "$(docker inspect -f '{{.HostConfig.CapDrop}}' "$name")" '[ALL]'
  expect "the network" "$(docker inspect -f '{{.HostConfig.NetworkMode}}' "$name")" none
  expect "the server's effective capabilities" "$(docker exec "$name" sed -n 's/^CapEff:\t//p' /proc/self/status)" 0000000000000000
  expect "the server's user" "$(docker exec "$name" id -u)" 10001
  expect "the flag against new privileges" "$(docker exec "$name" sed -n 's/^NoNewPrivs:\t//p' /proc/self/status)" 1
}

# What registries and catalogues know the image by.
has_labels() {
  local label
  for label in io.modelcontextprotocol.server.name org.opencontainers.image.{title,description,licenses,version}; do
    [ -n "$(docker inspect -f "{{index .Config.Labels \"$label\"}}" "$SERVER_IMAGE")" ] || die "the image has no label $label"
  done
  say "ok: the image has its labels"
  expect "the version" "$(docker inspect -f '{{index .Config.Labels "org.opencontainers.image.version"}}' "$SERVER_IMAGE")" "$SERVER_VERSION"
}

# run_r_through COMPOSE... -- OPTION: creates a sandbox, runs R and removes it again.
run_r_through() {
  local option=${*: -1} compose=("${@:1:$#-2}") name=$COMPOSE_PROJECT_NAME-server id
  say "R through: ${compose[*]} run --rm $option"
  start_server "${compose[@]}" -f "$FILE" run --rm "$option" --name "$name" omcp-r
  is_locked_down "$name"
  call 2 create_sandbox '{}'
  id=$(json_text sandbox_id <<<"$ANSWER")
  call 3 execute_r_code "{\"sandbox_id\":\"$id\",\"code\":\"sum(1:100)\"}"
  expect "what R printed" "$(json_text text <<<"$ANSWER")" '[1] 5050'
  call 4 execute_r_code "{\"sandbox_id\":\"$id\",\"code\":\"writeLines(rev(readLines('/data/in.txt')), 'out.txt')\"}"
  expect "the file made of DATA_DIR's in OUTPUT_DIR" "$(cat "$OUTPUT_DIR/$id/out.txt")" "from the host"
  call 5 remove_sandbox "{\"sandbox_id\":\"$id\",\"force\":true}"
  stop_server
  expect "the containers left" "$(docker ps -aq --filter "name=$name")" ''
}

at_exit() {
  docker rm -f "$COMPOSE_PROJECT_NAME-server" >/dev/null 2>&1 || true
  docker volume rm "${COMPOSE_PROJECT_NAME}_state" "${COMPOSE_PROJECT_NAME}_none" >/dev/null 2>&1 || true
  rm -rf "$FOLDERS"
}
trap at_exit EXIT

# One in which the server's user may write.
FOLDERS=$(mktemp -d)
export DATA_DIR=$FOLDERS/in OUTPUT_DIR=$FOLDERS/out
mkdir "$DATA_DIR" "$OUTPUT_DIR"
echo "from the host" >"$DATA_DIR/in.txt"
chmod 755 "$FOLDERS" "$DATA_DIR" && chmod 777 "$OUTPUT_DIR"

ensure_base_image
export BASE_IMAGE DOCKER_GID SERVER_VERSION
DOCKER_GID=$(socket_group)
SERVER_VERSION=$(project_version)
composes=() built=
if docker compose version >/dev/null 2>&1; then composes+=('docker compose'); fi
if have docker-compose; then composes+=(docker-compose); fi
NEWEST=${OMCP_TEST_ENGINE_NEWEST-}/docker-compose
if [ -x "$NEWEST" ]; then composes+=("$NEWEST"); fi
((${#composes[@]} > 0)) || die "there is no Compose here" "Install Debian's package docker-compose."
for compose in "${composes[@]}"; do
  read -ra compose <<<"$compose"
  refuses_to_run_without_a_group "${compose[@]}"
  if [ -z "$built" ]; then  # once: another version has another cache, and takes minutes
    "${compose[@]}" -f "$FILE" build >&2
    has_labels
    built=1
  fi
  run_r_through "${compose[@]}" -- -T
  [ "${compose[*]}" = docker-compose ] || run_r_through "${compose[@]}" -- -i
  "${compose[@]}" -f "$FILE" down -v >&2
done
