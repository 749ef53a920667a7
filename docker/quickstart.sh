#!/usr/bin/env bash
# From a bare Debian machine to R running behind the MCP server, in one command: installs what is missing,
# starts an engine if none answers, builds the server, gets an image with R, runs R through the server's
# own stdio door, and prints what to paste into Claude Desktop's configuration. Run it as often as you like.
set -euo pipefail
# shellcheck source=docker/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
# shellcheck source=docker/image.sh
. "$ROOT/docker/image.sh"

SERVER=$ROOT/build/omcp-r-sandbox

build_server() {
  local log
  log=$(mktemp)
  say "Building the server: build/omcp-r-sandbox (the first time takes minutes)"
  if ! (cd "$ROOT" && cmake --preset release -DOMCP_BUILD_TESTS=OFF &&
    cmake --build --preset release --target omcp-r-sandbox) >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "the build failed; its whole output: $log"
  fi
  rm -f "$log"
}

# --- a small MCP client -----------------------------------------------------------------------

# json_text KEY <LINE: the value of the first string member KEY, unescaped; fails where there is none.
json_text() {
  LC_ALL=C awk -v key="\"$1\":\"" '
    BEGIN { for (i = 0; i < 16; i++) hex[substr("0123456789abcdef", i + 1, 1)] = i }
    function code(digits,   i, n) {
      for (i = 1; i <= 4; i++) n = n * 16 + hex[substr(tolower(digits), i, 1)]
      return n
    }
    function utf8(n) {
      if (n < 128) return sprintf("%c", n)
      if (n < 2048) return sprintf("%c%c", 192 + int(n / 64), 128 + n % 64)
      return sprintf("%c%c%c", 224 + int(n / 4096), 128 + int(n / 64) % 64, 128 + n % 64)
    }
    {
      if (!(at = index($0, key))) exit 1
      for (i = at + length(key); (c = substr($0, i, 1)) != "\""; i++) {
        if (c != "\\") { printf "%s", c; continue }
        c = substr($0, ++i, 1)
        if (c == "n") printf "\n"
        else if (c == "t") printf "\t"
        else if (c == "u") { printf "%s", utf8(code(substr($0, i + 1, 4))); i += 4 }
        else if (c !~ /[rbf]/) printf "%s", c
      }
    }'
}

json_quote() {
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  printf '"%s"' "${text//$'\n'/\\n}"
}

# request ID METHOD PARAMS: sends a request and leaves the server's answer to it in ANSWER.
request() {
  send "{\"jsonrpc\":\"2.0\",\"id\":$1,\"method\":\"$2\",\"params\":$3}"
  while IFS= read -r -t 180 ANSWER <&"$FROM_SERVER"; do
    [[ $ANSWER =~ \"id\":$1[,}] ]] && return
  done
  server_failed "the server gave no answer to $2"
}
send() { printf '%s\n' "$1" >&"$TO_SERVER" || server_failed "the server has gone"; }

# call ID TOOL ARGUMENTS: the same for a tool; ends the script with the tool's own words where it fails.
call() {
  request "$1" tools/call "{\"name\":\"$2\",\"arguments\":$3}"
  if [[ $ANSWER == *'"isError":true'* || $ANSWER == *'"error":{'* ]]; then
    server_failed "$2: $(json_text text <<<"$ANSWER" || json_text message <<<"$ANSWER" || printf '%s' "$ANSWER")"
  fi
}

server_failed() {
  [ ! -s "$SERVER_LOG" ] || { echo 'The server says:' && tail -n 10 "$SERVER_LOG" | sed 's/^/    /'; } >&2
  die "$1"
}

start_server() {
  SERVER_LOG=$(mktemp)
  coproc MCP { DOCKER_IMAGE=$R_IMAGE exec "$SERVER" "${SERVER_ARGS[@]}" 2>"$SERVER_LOG"; }
  SERVER_PID=$MCP_PID
  exec {FROM_SERVER}<&"${MCP[0]}" {TO_SERVER}>&"${MCP[1]}"  # bash forgets its own when the server ends
  eval "exec ${MCP[0]}<&- ${MCP[1]}>&-"
  trap '' PIPE
  trap 'stop_server; rm -f "$SERVER_LOG"' EXIT
}

# Ends the server as a host does, by closing its input, and gives it a moment before it is killed.
stop_server() {
  local tries=0
  [ -n "$SERVER_PID" ] || return 0
  exec {TO_SERVER}>&-
  while kill -0 "$SERVER_PID" 2>/dev/null && ((tries++ < 50)); do sleep 0.1; done
  kill -9 "$SERVER_PID" 2>/dev/null || true
  SERVER_PID=
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
  start_server
  request 1 initialize '{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"quickstart","version":"1"}}'
  send '{"jsonrpc":"2.0","method":"notifications/initialized"}'
  call 2 create_sandbox '{}'
  id=$(json_text sandbox_id <<<"$ANSWER") || server_failed "create_sandbox named no sandbox: $ANSWER"
  call 3 execute_r_code "{\"sandbox_id\":$(json_quote "$id"),\"code\":$(json_quote "$R_CODE")}"
  printf '\nR code:\n%s\n\nWhat R printed:\n%s\n\n' "$(indent <<<"$R_CODE")" \
    "$(json_text output <<<"$ANSWER" | indent)"
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
  [ "$R_IMAGE" = "$DEFAULT_IMAGE" ] || env+=("\"DOCKER_IMAGE\": $(json_quote "$R_IMAGE")")
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
