#!/usr/bin/env bash
# Holds the commands in the documents to commands.txt, and that to the tests which it names; and every link to
# a file or heading's file that is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
DOCUMENTS=(README.md CONTRIBUTING.md SECURITY.md docs/*.md)
failed=''
fail() { printf 'error: %s\n' "$*" >&2 && failed=1; }

# The lines of all sh blocks, without comments.
commands() { awk '/^```sh/ {inside = 1; next} /^```/ {inside = 0} inside && NF' "$@" | sed 's/  *#.*$//' | sort -u; }

listed() { grep -v '^#' tests/documents/commands.txt | sed 's/ | .*$//' | sort -u; }

while read -r command; do
  fail "no test is named for: $command"
done < <(comm -23 <(commands "${DOCUMENTS[@]}") <(listed))
while read -r command; do
  fail "in no document: $command"
done < <(comm -13 <(commands "${DOCUMENTS[@]}") <(listed))
while read -r test; do
  case $test in
    'not run'*) ;;
    *) [ -e "$test" ] || fail "there is no $test" ;;
  esac
done < <(grep -v '^#' tests/documents/commands.txt | sed 's/^.* | //')

for document in "${DOCUMENTS[@]}"; do
  while read -r link; do
    [ -e "$(dirname "$document")/$link" ] || fail "$document: there is no $link"
  done < <(grep -o '](\([^)#]*\)' "$document" | sed 's/^](//' | grep -v '^https\?:' || true)
done
(($(wc -l <README.md) <= 140)) || fail "README.md has more than 140 lines"
[ -z "$failed" ]
