# shellcheck shell=bash
# A small MCP client: enough to have R run through the server's stdio door, with nothing but bash and awk.
# Sourced after docker/setup.sh.

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

# start_server COMMAND...: starts an MCP server, shakes hands, and sees to its end when the script ends.
start_server() {
  SERVER_LOG=$(mktemp)
  coproc MCP { exec "$@" 2>"$SERVER_LOG"; }
  SERVER_PID=$MCP_PID
  exec {FROM_SERVER}<&"${MCP[0]}" {TO_SERVER}>&"${MCP[1]}"  # bash forgets its own when the server ends
  eval "exec ${MCP[0]}<&- ${MCP[1]}>&-"
  trap '' PIPE
  trap 'stop_server; at_exit' EXIT
  request 1 initialize '{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"shell","version":"1"}}'
  send '{"jsonrpc":"2.0","method":"notifications/initialized"}'
}

# Ends the server as a host does, by closing its input, and gives it a moment before it is killed.
stop_server() {
  local tries=0
  [ -n "$SERVER_PID" ] || return 0
  exec {TO_SERVER}>&-
  while kill -0 "$SERVER_PID" 2>/dev/null && ((tries++ < 50)); do sleep 0.1; done
  kill -9 "$SERVER_PID" 2>/dev/null || true
  SERVER_PID=
  rm -f "$SERVER_LOG"
}

# What else a script wants done at its end.
at_exit() { :; }
