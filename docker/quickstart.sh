#!/usr/bin/env bash
# From a bare Debian machine to R running behind the MCP server, in one command: installs what is missing,
# starts an engine if none answers, builds the server, gets an image with R, runs R through the server's
# own stdio door, and prints what to paste into Claude Desktop's configuration. Run it as often as you like.
set -euo pipefail
# shellcheck source=docker/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
# shellcheck source=docker/image.sh
. "$ROOT/docker/image.sh"
# shellcheck source=docker/client.sh
. "$ROOT/docker/client.sh"

SERVER=$ROOT/build/omcp-r-sandbox

# A compiler newer than ours may warn of more: that must not keep anybody from the program. A build
# directory that is there (of the tests, say) keeps its settings, so that nothing is compiled twice.
build_server() {
  local log settings=(-DOMCP_BUILD_TESTS=OFF -DOMCP_WERROR=OFF)
  [ ! -e "$ROOT/build/CMakeCache.txt" ] || settings=()
  log=$(mktemp)
  say "Building the server: build/omcp-r-sandbox (the first time takes minutes)"
  if ! (cd "$ROOT" && cmake --preset release -DOMCP_UNITY=ON "${settings[@]}" &&
    cmake --build --preset release --target omcp-r-sandbox) >"$log" 2>&1; then
    grep -m 5 -A 3 -E 'error|Error' "$log" >&2 || tail -n 20 "$log" >&2
    die "the build failed; its whole output: $log"
  fi
  rm -f "$log"
}

# --- the demonstration ------------------------------------------------------------------------

R_CODE='fit <- lm(dist ~ speed, data = cars)
round(coef(fit), 2)
aggregate(mpg ~ cyl, data = mtcars, FUN = mean)
paste(R.version.string, "as user", system("id -u", intern = TRUE))
tryCatch(readLines("http://cran.r-project.org"), error = function(e) "no network, as it should be",
         warning = function(w) "no network, as it should be")'

indent() { sed 's/^/    /'; }

demonstrate() {
  local id
  say "Running R through the server, as an MCP host would"
  start_server env "DOCKER_IMAGE=$R_IMAGE" "$SERVER" "${SERVER_ARGS[@]}"
  call 2 create_sandbox '{}'
  id=$(json_text sandbox_id <<<"$ANSWER") || server_failed "create_sandbox named no sandbox: $ANSWER"
  call 3 execute_r_code "{\"sandbox_id\":$(json_quote "$id"),\"code\":$(json_quote "$R_CODE")}"
  printf '\nR code:\n%s\n\nWhat R printed:\n%s\n\n' "$(indent <<<"$R_CODE")" \
    "$(json_text text <<<"$ANSWER" | indent)"
  call 4 remove_sandbox "{\"sandbox_id\":$(json_quote "$id"),\"force\":true}"
  stop_server
}

# --- what to paste ----------------------------------------------------------------------------

# json_list INDENT OPEN CLOSE ITEM...: the items, one a line, between the brackets.
json_list() {
  local indent=$1 open=$2 close=$3 separator='' item
  shift 3
  printf '%s' "$open"
  for item in "$@"; do
    printf '%s\n%s  %s' "$separator" "$indent" "$item"
    separator=,
  done
  printf '\n%s%s' "$indent" "$close"
}

print_configuration() {
  local address argument args=() env=() entry
  entry=("\"command\": $(json_quote "$SERVER")")
  for argument in "${SERVER_ARGS[@]}"; do args+=("$(json_quote "$argument")"); done
  env+=("\"DOCKER_IMAGE\": $(json_quote "$R_IMAGE")")
  address=$(engine_address)
  [ -z "$address" ] || env+=("\"DOCKER_HOST\": $(json_quote "$address")")
  ((${#args[@]} == 0)) || entry+=("\"args\": $(json_list '      ' '[' ']' "${args[@]}")")
  ((${#env[@]} == 0)) || entry+=("\"env\": $(json_list '      ' '{' '}' "${env[@]}")")
  say "It works. Paste this into Claude Desktop's configuration (Settings > Developer > Edit Config," \
    "claude_desktop_config.json) and restart Claude Desktop:"
  printf '{\n  "mcpServers": {\n    "omcp-r-sandbox": %s\n  }\n}\n' "$(json_list '    ' '{' '}' "${entry[@]}")"
}

# A host starts the server elsewhere than in this checkout: it is told where the .env is.
SERVER_ARGS=()
[ ! -e "$ROOT/.env" ] || SERVER_ARGS=(--env-file "$ROOT/.env")

install_needs build
ensure_engine
build_server
ensure_r_image
demonstrate
print_configuration
