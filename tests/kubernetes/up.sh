#!/usr/bin/env bash
# Brings up a test cluster of Kubernetes 1.20.2 on one machine: etcd, API server, controller manager,
# scheduler, and NODES nodes, each with containerd and kubelet in its own network and mount namespace.
# A true scheduler, RBAC, quotas, exec and attach over two nodes; no DNS, no Services, no kube-proxy.
#
#   tests/kubernetes/up.sh [WORK [NODES=2 [IMAGE...]]]
#
# IMAGE: images of the docker engine that every node gets (an image with R: about 400 MB, a few seconds).
# Then: WORK/bin/kubectl --kubeconfig WORK/cluster/admin.kubeconfig get nodes;  down.sh WORK takes it down.
#
# CNI_MODE=bridge (default): a NetworkPolicy is accepted and NOT enforced: the case that must be refused.
# CNI_MODE=isolated: pods reach neither each other nor node nor API server.
# APISERVER_EXTRA, CM_EXTRA, KUBELET_EXTRA: further flags.
#
# Needs: root; WORK as build.sh leaves it; Debian's containerd (1.6), runc, iproute2, openssl; cgroup v1
#   (hybrid too); kernel with bridge, veth and namespaces. About 0.8 GB of memory for two nodes.
# Takes: API server ready 4.5 to 9 s; one node Ready 16 to 19 s, two 16 to 23 s, 28 to 39 s with the import of images.
#   Measured: Debian 12, 2 cores.
# Why the odd things:
#   nsenter --net, not `ip netns exec`, which remounts /sys: kubelet then finds no cpu cgroup.
#   restrict_oom_score_adj: the pause container wants -998, which needs CAP_SYS_RESOURCE.
#   protectKernelDefaults with files bound over /proc/sys/...: the machine's own sysctls stay as they are.
#   cgroup roots made by hand, cpuset included: two kubelets share one machine.
set -eu
WORK=${1:-${WORK:-}}
# shellcheck source=tests/kubernetes/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
N=${2:-2}
IMAGES=("${@:3}")
CP=$NET.1
CNI=$TOOLS/usr/lib/cni
ETCD=$TOOLS/usr/bin/etcd
CNI_MODE=${CNI_MODE:-bridge}

[ "$(id -u)" = 0 ] || die "must be root"
[ -d /sys/fs/cgroup/memory ] || die "written for cgroup v1; this machine has only v2"
for tool in containerd ctr runc ip nsenter unshare openssl setsid; do
  have "$tool" || die "$tool is missing"
done
for file in "$BIN/kube-apiserver" "$BIN/kubelet" "$ETCD" "$CNI/bridge" "$PAUSE_TAR"; do
  [ -e "$file" ] || die "$file is missing; run build.sh $WORK first"
done
if ip netns list | grep -q "^${PREFIX}cp"; then die "a cluster is up already; run down.sh $WORK first"; fi
mkdir -p "$K/pki" "$K/log" "$K/images"
: > "$K/pids"
mkdir -p /run/netns
(cd /run/netns && ls) | grep '^cni-' > "$K/cni-before" || :
for image in ${IMAGES[@]+"${IMAGES[@]}"}; do # again only when the name stands for another image
  tar=$K/images/$(echo "$image" | tr '/:' '__').tar
  id=$(docker image inspect -f '{{.Id}}' "$image")
  [ "$(cat "$tar.id" 2>/dev/null)" = "$id" ] || { docker save -o "$tar" "$image" && echo "$id" > "$tar.id"; }
done

# ---- keys ----------------------------------------------------------------------------------------
cd "$K/pki"
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null; }
if [ ! -f ca.crt ]; then
  key ca
  openssl req -x509 -new -key ca.key -subj "/CN=$PREFIX-ca" -days 365 -out ca.crt
fi
crt() { # name subject [names]
  [ ! -f "$1.crt" ] || return 0
  key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  { echo "extendedKeyUsage=clientAuth,serverAuth"; [ -z "${3:-}" ] || echo "subjectAltName=$3"; } > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out "$1.crt" \
    -extfile "$1.ext" 2>/dev/null
}
kubeconfig() { # name
  cat > "$K/$1.kubeconfig" <<Y
{"apiVersion":"v1","kind":"Config","current-context":"c",
 "clusters":[{"name":"c","cluster":{"server":"https://$CP:6443","certificate-authority":"$K/pki/ca.crt"}}],
 "users":[{"name":"u","user":{"client-certificate":"$K/pki/$1.crt","client-key":"$K/pki/$1.key"}}],
 "contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}]}
Y
}
crt apiserver /CN=kube-apiserver \
  "DNS:kubernetes,DNS:kubernetes.default,DNS:localhost,IP:$CP,IP:127.0.0.1,IP:10.96.0.1"
crt apiserver-kubelet /O=system:masters/CN=apiserver-kubelet
crt admin /O=system:masters/CN=admin
crt cm /CN=system:kube-controller-manager
crt sched /CN=system:kube-scheduler
[ -f sa.key ] || openssl genrsa -out sa.key 2048 2>/dev/null
for i in $(seq 1 "$N"); do
  crt "node$i" "/O=system:nodes/CN=system:node:n$i" "DNS:n$i,IP:$NET.1$i"
  kubeconfig "node$i"
done
for name in admin cm sched; do kubeconfig "$name"; done
say "keys made"

# ---- network namespaces --------------------------------------------------------------------------
ip netns add "${PREFIX}cp"
ip -n "${PREFIX}cp" link set lo up
ip -n "${PREFIX}cp" link add br0 type bridge
ip -n "${PREFIX}cp" addr add "$CP/24" dev br0
ip -n "${PREFIX}cp" link set br0 up
join() { # namespace (empty: this machine's own) number address
  local inner=vp$PREFIX$2 outer=vq$PREFIX$2
  ip link add "$inner" type veth peer name "$outer"
  ip link set "$inner" netns "${PREFIX}cp"
  ip -n "${PREFIX}cp" link set "$inner" master br0
  ip -n "${PREFIX}cp" link set "$inner" up
  if [ -n "$1" ]; then
    ip link set "$outer" netns "$1"
    ip -n "$1" link set "$outer" name eth0
    ip -n "$1" addr add "$3/24" dev eth0
    ip -n "$1" link set eth0 up
    ip -n "$1" link set lo up
  else
    ip addr add "$3/24" dev "$outer"
    ip link set "$outer" up
  fi
}
join "" 0 "$NET.254"
for i in $(seq 1 "$N"); do
  ip netns add "${PREFIX}n$i"
  join "${PREFIX}n$i" "$i" "$NET.1$i"
  ip -n "${PREFIX}n$i" route add default via "$CP"
  for j in $(seq 1 "$N"); do
    [ "$j" = "$i" ] || ip -n "${PREFIX}n$i" route add "$PODNET.$j.0/24" via "$NET.1$j"
  done
done
run() { # log's name, namespace, command...
  local name=$1 space=$2
  shift 2
  setsid nsenter --net="/run/netns/$space" nice -n 5 "$@" > "$K/log/$name.log" 2>&1 < /dev/null &
  echo "$! $name" >> "$K/pids"
}

# ---- control plane -------------------------------------------------------------------------------
# The *_EXTRA variables are lists of flags: left unquoted on purpose.
rm -rf "$K/etcd-data"
run etcd "${PREFIX}cp" "$ETCD" --data-dir "$K/etcd-data" --listen-client-urls http://127.0.0.1:2379 \
  --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
# shellcheck disable=SC2086
run apiserver "${PREFIX}cp" "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 \
  --bind-address=0.0.0.0 --advertise-address="$CP" --secure-port=6443 \
  --client-ca-file="$K/pki/ca.crt" \
  --tls-cert-file="$K/pki/apiserver.crt" --tls-private-key-file="$K/pki/apiserver.key" \
  --kubelet-client-certificate="$K/pki/apiserver-kubelet.crt" \
  --kubelet-client-key="$K/pki/apiserver-kubelet.key" --kubelet-certificate-authority="$K/pki/ca.crt" \
  --kubelet-preferred-address-types=InternalIP --service-account-issuer="https://$PREFIX" \
  --service-account-signing-key-file="$K/pki/sa.key" --service-account-key-file="$K/pki/sa.key" \
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
  --service-cluster-ip-range=10.96.0.0/16 --anonymous-auth=true --allow-privileged=false \
  ${APISERVER_EXTRA:-}
# shellcheck disable=SC2086
run cm "${PREFIX}cp" "$BIN/kube-controller-manager" --kubeconfig="$K/cm.kubeconfig" --leader-elect=false \
  --service-account-private-key-file="$K/pki/sa.key" --root-ca-file="$K/pki/ca.crt" \
  --use-service-account-credentials=true --cluster-signing-cert-file="$K/pki/ca.crt" \
  --cluster-signing-key-file="$K/pki/ca.key" --bind-address=127.0.0.1 ${CM_EXTRA:-}
run sched "${PREFIX}cp" "$BIN/kube-scheduler" --kubeconfig="$K/sched.kubeconfig" --leader-elect=false \
  --bind-address=127.0.0.1

# ---- nodes ---------------------------------------------------------------------------------------
for i in $(seq 1 "$N"); do
  D=$K/n$i
  mkdir -p "$D/cni" "$D/kubelet" "$D/run" "$D/logs"
  for c in cpu cpuacct cpuset memory devices freezer blkio pids systemd; do
    mkdir -p "/sys/fs/cgroup/$c/${PREFIX}n$i"
  done
  for file in cpuset.cpus cpuset.mems; do
    cat "/sys/fs/cgroup/cpuset/$file" > "/sys/fs/cgroup/cpuset/${PREFIX}n$i/$file"
  done
  if [ "$CNI_MODE" = isolated ]; then
    CNI=$WORK/cni-isolating/usr/lib/cni
    [ -x "$CNI/bridge" ] || die "CNI_MODE=isolated needs what build.sh leaves in $WORK/cni-isolating"
    cat > "$D/cni/10-br.conflist" <<Y
{"cniVersion":"0.4.0","name":"$PREFIX","plugins":[{"type":"bridge","bridge":"cni0","isGateway":false,
 "portIsolation":true,"ipam":{"type":"host-local","dataDir":"$D/run/ipam",
 "ranges":[[{"subnet":"$PODNET.$i.0/24"}]]}}]}
Y
  else
    cat > "$D/cni/10-br.conflist" <<Y
{"cniVersion":"0.4.0","name":"$PREFIX","plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,
 "ipMasq":false,"ipam":{"type":"host-local","dataDir":"$D/run/ipam",
 "ranges":[[{"subnet":"$PODNET.$i.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}}]}
Y
  fi
  cat > "$D/containerd.toml" <<Y
version = 2
root = "$D/cd"
state = "$D/run/cd"
[grpc]
  address = "$D/run/cd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$CNI"
    conf_dir = "$D/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
Y
  cat > "$D/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NET.1$i
port: 10250
readOnlyPort: 0
healthzBindAddress: 127.0.0.1
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $K/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $K/pki/node$i.crt
tlsPrivateKeyFile: $K/pki/node$i.key
cgroupDriver: cgroupfs
cgroupRoot: /${PREFIX}n$i
enforceNodeAllocatable: [pods]
failSwapOn: false
podPidsLimit: 256
maxPods: 60
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
serializeImagePulls: false
protectKernelDefaults: true
runtimeRequestTimeout: 30s
nodeStatusUpdateFrequency: 10s
clusterDNS: [10.96.0.10]
resolvConf: $D/resolv.conf
Y
  : > "$D/resolv.conf"
  # Runs in the node's network namespace and a mount namespace of its own.
  cat > "$D/node.sh" <<Y
mount --make-rshared /
for kv in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  f="$D/run/sysctl-\$(echo "\${kv%=*}" | tr / _)"
  echo "\${kv#*=}" > "\$f"
  mount --bind "\$f" "/proc/sys/\${kv%=*}"
done
sysctl -qw net.ipv4.ip_forward=1
containerd --config "$D/containerd.toml" > "$K/log/containerd$i.log" 2>&1 &
echo "\$! containerd$i" >> "$K/pids"
for t in \$(seq 100); do ctr -a "$D/run/cd.sock" version >/dev/null 2>&1 && break; sleep .1; done
for tar in "$PAUSE_TAR" "$K"/images/*.tar; do
  done="$D/imported-\$(basename "\$tar")"
  [ -f "\$tar" ] && [ "\$tar" -nt "\$done" ] || continue
  ctr -a "$D/run/cd.sock" -n k8s.io images import "\$tar" && touch "\$done"
done
exec "$BIN/kubelet" --config "$D/kubelet.yaml" --kubeconfig "$K/node$i.kubeconfig" \
  --hostname-override n$i --node-ip $NET.1$i --root-dir "$D/kubelet" --container-runtime remote \
  --container-runtime-endpoint "unix://$D/run/cd.sock" --v=2 ${KUBELET_EXTRA:-}
Y
  run "node$i" "${PREFIX}n$i" unshare -m --propagation private bash "$D/node.sh"
done

ready=
for _ in $(seq 300); do
  if "${CLIENT[@]}" get --raw /readyz >/dev/null 2>&1; then ready=1; break; fi
  sleep .2
done
[ -n "$ready" ] || die "the API server did not get ready; see $K/log/apiserver.log"
say "API server ready"
ready=
for _ in $(seq 300); do
  if [ "$("${CLIENT[@]}" get nodes --no-headers 2>/dev/null | grep -cw Ready)" = "$N" ]; then ready=1; break; fi
  sleep .3
done
[ -n "$ready" ] || die "not all nodes got Ready; see $K/log"
say "$N nodes ready"
"${CLIENT[@]}" get nodes -o wide >&2
