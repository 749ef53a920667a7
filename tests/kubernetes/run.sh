#!/usr/bin/env bash
# The tests on a real Kubernetes of two nodes, on this machine: builds the cluster's programs once (build.sh),
# starts it, sets up what docker/kubernetes has, runs what carries the label, and ends the cluster, in both
# cases of a network: one that is closed, and one whose plugin accepts a NetworkPolicy and does not enforce it.
#
#   tests/kubernetes/run.sh [CTEST-ARGUMENT...]      such as -R Quota
#
# Needs root, and what up.sh needs. CASES="closed open" says which cases; "bench" is one that measures instead.
set -euo pipefail
# shellcheck source=tests/kubernetes/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
# shellcheck source=docker/image.sh
. "$ROOT/docker/image.sh"
# shellcheck source=tests/engines.sh
. "$ROOT/tests/engines.sh"
HERE=$ROOT/tests/kubernetes
NAMESPACE=omcp-r
CASES=${CASES:-closed open}

# Leaves the clients of Debian's newer releases in WORK/kubectl-SUITE.
fetch_clients() {
  local suite
  for suite in trixie sid; do
    [ -x "$WORK/kubectl-$suite/kubectl" ] || fetch_programs "$suite" "$WORK/kubectl-$suite" kubectl >&2
  done
}

# As the server logs in: the account of docker/kubernetes, with what the Role allows it and no more.
server_kubeconfig() {
  local secret='' token
  for _ in $(seq 50); do
    secret=$("${CLIENT[@]}" -n "$NAMESPACE" get serviceaccount omcp-r-server -o 'jsonpath={.secrets[0].name}')
    [ -z "$secret" ] || break
    sleep 0.2
  done
  token=$("${CLIENT[@]}" -n "$NAMESPACE" get secret "$secret" -o 'jsonpath={.data.token}' | base64 -d)
  (umask 077 && sed "s|\"user\":{.*}}\\],|\"user\":{\"token\":\"$token\"}}],|" "$K/admin.kubeconfig" >"$K/server.kubeconfig")
}

set_up() {
  "${CLIENT[@]}" apply -k "$ROOT/docker/kubernetes" >&2
  "${CLIENT[@]}" apply -f "$HERE/volume.yaml" >&2
  server_kubeconfig
}

take_down() { WORK=$WORK "$HERE/down.sh" || true; }

# run_case closed|open|bench CTEST-ARGUMENT...
run_case() {
  local case=$1 mode=isolated status=0
  shift
  [ "$case" != open ] || mode=bridge
  say "A cluster whose network is $mode"
  CNI_MODE=$mode "$HERE/up.sh" "$WORK" 2 "$TEST_IMAGE" >&2
  set_up
  if [ "$case" = bench ]; then
    "$ROOT/tests/bench/engines.sh" docker kubernetes || status=$?
  else
    OMCP_TEST_KUBERNETES=$case ctest --test-dir "$ROOT/build" -L '^kubernetes$' --output-on-failure "$@" || status=$?
  fi
  take_down
  return "$status"
}

cd "$ROOT"
install_needs build test
ensure_engine
ensure_test_images
"$HERE/build.sh" "$WORK" >&2
fetch_clients
cmake --preset release -DOMCP_BUILD_TESTS=ON >/dev/null
cmake --build --preset release -j "$(nproc)"

trap take_down EXIT
export OMCP_TEST_IMAGE=$TEST_IMAGE
export OMCP_TEST_KUBECONFIG=$K/server.kubeconfig OMCP_TEST_KUBE_ADMIN=$K/admin.kubeconfig
export OMCP_TEST_KUBECTL=$BIN/kubectl OMCP_TEST_KUBE_NODE=${PREFIX}n2
export OMCP_TEST_KUBECTLS=$BIN/kubectl:$WORK/kubectl-trixie/kubectl:$WORK/kubectl-sid/kubectl
failed=''
for case in $CASES; do run_case "$case" "$@" || failed="$failed $case"; done
[ -z "$failed" ] || die "failed:$failed"
