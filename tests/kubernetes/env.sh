# shellcheck shell=bash disable=SC2034
# Common names of the test cluster; sourced by the other scripts, which may set WORK before.
# All can be set in the environment. Two clusters at once need different PREFIX, NET and PODNET.
# shellcheck source=docker/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../docker/setup.sh"

WORK=$(realpath -m "${WORK:-$ROOT/build/kubernetes}")
K=$WORK/cluster                      # everything that up.sh makes: keys, logs, pids, one folder per node
BIN=${BIN:-$WORK/bin}                # kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kubectl
TOOLS=${TOOLS:-$WORK/tools}          # unpacked Debian packages: go, rsync, etcd, CNI plugins
SRC=${SRC:-$WORK/src/kubernetes-1.20.2}
PREFIX=${PREFIX:-omk}                # of network namespaces, links and cgroups; at most 6 characters
NET=${NET:-10.77.0}                  # control plane .1, nodes .11 .12 ..., the machine itself .254
PODNET=${PODNET:-10.88}              # pods of node i live in $PODNET.i.0/24
PAUSE_TAR=${PAUSE_TAR:-$WORK/pause.tar}
PAUSE_IMAGE=omcp.local/pause:1        # a name without a registry: never pulled
CLIENT=("$BIN/kubectl" --kubeconfig "$K/admin.kubeconfig")
