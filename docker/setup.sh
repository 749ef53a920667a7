# shellcheck shell=bash
# What the scripts of this repository need on a Debian machine, however bare: packages and an engine.
# Sourced by docker/quickstart.sh and tests/run.sh. Every function says what it does in one line, does
# only what is missing, and works as root or through sudo. Everything it says goes to stderr.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SCRIPT_COMMAND=("$0" "$@")
DOCKERD_LOG=${DOCKERD_LOG:-/var/log/dockerd.log}
PATH=$PATH:/usr/sbin:/sbin  # where a plain user's PATH lacks dockerd and debootstrap

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '       %s\n' "$@" >&2
  exit 1
}
# The name of this machine's Debian, such as bookworm.
own_suite() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    die "this step needs root: $*" "Run the script as root, or install sudo."
  fi
}

# The variable NAME as the server sees it: from the environment, else from the checkout's .env.
setting() {
  local name=$1 line
  if [ -n "${!name-}" ]; then
    printf '%s' "${!name}"
  elif [ -r "$ROOT/.env" ]; then
    line=$(sed -n "s/^[[:space:]]*\(export[[:space:]]\+\)\{0,1\}${name}[[:space:]]*=[[:space:]]*//p" "$ROOT/.env" | tail -n 1)
    line=${line%$'\r'}
    case $line in
      \"*) line=${line#\"} line=${line%%\"*} ;;
      \'*) line=${line#\'} line=${line%%\'*} ;;
      *) line=$(sed 's/[[:space:]]\+#.*$//; s/[[:space:]]*$//' <<<"$line") ;;
    esac
    printf '%s' "$line"
  fi
}

# The version that the project states in its one place.
project_version() { sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' "$ROOT/CMakeLists.txt"; }

# --- packages ---------------------------------------------------------------------------------

has_header() { [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ]; }

# Boost.Process v2 came with 1.81; Debian 12's default of 1.74 does not do.
has_boost() {
  local header
  for header in /usr/local/include/boost/version.hpp /usr/include/boost/version.hpp; do
    [ -e "$header" ] && [ "$(awk '/#define BOOST_VERSION /{print $3}' "$header")" -ge 108100 ] && return
  done
  return 1
}

# One line per thing needed: what for, how to see that it is there, and the packages that bring it
# (the first that the machine's Debian has).
NEEDS='
build  have cmake                             cmake
build  have ninja                             ninja-build
build  have g++                               g++
build  has_boost                              libboost1.83-dev libboost1.81-dev libboost-dev
build  has_header nlohmann/json.hpp           nlohmann-json3-dev
build  has_header spdlog/spdlog.h             libspdlog-dev
build  has_header CLI/CLI.hpp                 libcli11-dev
build  has_header histedit.h                  libedit-dev
test   has_header gtest/gtest.h               libgtest-dev
test   has_header gmock/gmock.h               libgmock-dev
test   have clang-format                      clang-format
test   have clang-tidy                        clang-tidy
test   have ps                                procps
test   have socat                             socat
test   have ip                                iproute2
test   have openssl                           openssl
test   have ssh                               openssh-client
test   has_libwrap                            libwrap0
test   have script                            bsdutils
test   have python3                            python3
test   have docker-registry                    docker-registry
test   have podman                             podman
test   have runc                               runc
test   has_postgres                            postgresql
test   have rootlesskit                       rootlesskit
test   have newuidmap                         uidmap
test   have Rscript                           r-base-core
test   have rsvg-convert                      librsvg2-bin
test   have pdftoppm                          poppler-utils
test   has_imagemagick                        imagemagick
test   has_r_package rsvg                     r-cran-rsvg
test   has_r_package pdftools                 r-cran-pdftools
test   has_r_package DT                       r-cran-dt
test   has_r_package plotly                   r-cran-plotly
test   has_r_package profvis                  r-cran-profvis
ci     have clang++                           clang
test   has_compose                            docker-compose
pack   have lintian                           lintian
pack   have man                               man-db
pack   have node                              nodejs
pack   have npm                               npm
pack   has_jsonschema                         python3-jsonschema
pack   have zsh                               zsh
pack   have fish                              fish
client have docker                            docker-cli docker.io
engine have dockerd                           docker.io
engine have iptables                          iptables
engine has_apparmor                           apparmor
image  have debootstrap                       debootstrap
image  has_keys                               debian-archive-keyring
image  has_certificates                       ca-certificates
'
has_r_package() { [ -e "/usr/lib/R/site-library/$1" ]; }
has_libwrap() { compgen -G "/usr/lib/*/libwrap.so.0" >/dev/null; }
has_postgres() { compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; }
has_compose() { docker compose version >/dev/null 2>&1 || have docker-compose; }
has_jsonschema() { python3 -c 'import jsonschema' 2>/dev/null; }
# Something else may have its name, and do less.
has_imagemagick() { [[ $(convert -version 2>/dev/null) == *ImageMagick* ]]; }
has_keys() { [ -e /usr/share/keyrings/debian-archive-keyring.gpg ]; }
has_certificates() { [ -e /etc/ssl/certs/ca-certificates.crt ]; }
# An engine on a kernel with AppArmor starts no container without apparmor_parser.
has_apparmor() {
  [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || have apparmor_parser
}

# install_needs PURPOSE...: installs what is missing of what NEEDS lists for these purposes.
install_needs() {
  local purpose rest probe missing=()
  while read -r purpose rest; do
    [[ -n $purpose && " $* " == *" $purpose "* ]] || continue
    probe=${rest%%   *}
    $probe || missing+=("${rest##*   }")
  done <<<"$NEEDS"
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
}

# apt_install ALTERNATIVES...: one argument is a list of package names, of which the first known is taken.
apt_install() {
  have apt-get || die "these are missing, and there is no apt-get to install them with: $*"
  apt_update
  local names name packages=()
  for names in "$@"; do
    for name in $names; do
      apt_knows "$name" && packages+=("$name") && continue 2
    done
    die "none of these packages is known to apt here: $names"
  done
  say "Installing from Debian: ${packages[*]}"
  apt_run install -y --no-install-recommends "${packages[@]}" ||
    die "apt-get could not install: ${packages[*]}"
}

# No grep -q in a pipe here or elsewhere: it hangs up early, and pipefail takes that for a failure.
apt_knows() { apt-cache policy "$1" 2>/dev/null | grep '^  Candidate: [^(]' >/dev/null; }
# Quiet, unless it fails.
apt_run() {
  local log status=0
  log=$(mktemp)
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" </dev/null >"$log" 2>&1 ||
    { status=$? && tail -n 15 "$log" >&2; }
  rm -f "$log"
  return "$status"
}
apt_update() {
  say "Refreshing the package lists"
  apt_run update || say "Some package lists could not be refreshed: going on with those that are here"
}

# --- the engine -------------------------------------------------------------------------------

engine_answers() { have docker && timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
engine_error() { timeout 20 docker version 2>&1 >/dev/null | tail -n 3; }

# The address given by configuration; empty where the default engine of this machine is meant.
engine_address() {
  local context address
  address=$(setting DOCKER_HOST)
  if [ -z "$address" ] && have docker; then
    context=$(docker context show 2>/dev/null || docker context ls --format '{{if .Current}}{{.Name}}{{end}}' 2>/dev/null | tr -d '\n')
    if [ -n "$context" ] && [ "$context" != default ]; then
      address=$(docker context inspect --format '{{.Endpoints.docker.Host}}' "$context" 2>/dev/null) || address=
    fi
  fi
  printf '%s' "$address"
}

# Leaves an engine that answers, or ends the script with advice.
ensure_engine() {
  install_needs client
  local address
  address=$(setting DOCKER_HOST)
  [ -z "$address" ] || export DOCKER_HOST=$address
  if ! engine_answers; then
    address=$(engine_address)
    [ -z "$address" ] || die "the configured engine does not answer: $address" "$(engine_error)" \
      "Start it, or unset DOCKER_HOST (or 'docker context use default') to use this machine's own."
    refuse_without_permission
    install_needs engine
    start_engine
  fi
  say "The engine answers: Docker $(docker version --format '{{.Server.Version}}')"
}

# Ends the script with advice where this user may not talk to the engine. One who has joined the group
# since logging in, or joins it now, goes on with it at once.
refuse_without_permission() {
  [[ $(engine_error) == *'permission denied'* ]] || return 0
  local user
  user=$(id -un)
  if ! in_docker_group "$user" && have sudo && [ -t 0 ]; then
    echo "Only members of the group 'docker' may use the engine (membership equals root on this machine)." >&2
    read -r -p "Add $user to it now? [y/N] " && [[ $REPLY == [yY]* ]] && as_root usermod -aG docker "$user"
  fi
  if in_docker_group "$user" && [ -z "${OMCP_REGROUPED-}" ]; then
    say "Going on as a member of the group 'docker'; log out and in once, so that all your programs have it"
    OMCP_REGROUPED=1 exec sg docker -c "$(printf '%q ' bash "${SCRIPT_COMMAND[@]}")"
  fi
  die "the engine runs, but $user may not use it" \
    "Membership in the group 'docker' allows it (and equals root on this machine):" \
    "  sudo usermod -aG docker $user" \
    "then run this script again."
}

in_docker_group() { [[ " $(id -nG "$1") " == *' docker '* ]]; }

start_engine() {
  engine_answers && return  # installing the package may have started it
  refuse_without_permission
  if [ -d /run/systemd/system ]; then
    say "Starting the engine: systemctl start docker"
    as_root systemctl start docker || true
    wait_for_engine 60 || die "the engine does not start" "$(as_root systemctl status --no-pager -n 15 docker 2>&1)"
  else
    start_dockerd
  fi
}

start_dockerd() {
  local pid
  say "Starting the engine: dockerd (log: $DOCKERD_LOG)"
  grep -q ' /sys/fs/cgroup' /proc/mounts || as_root mount -t cgroup2 cgroup2 /sys/fs/cgroup
  # shellcheck disable=SC2016
  pid=$(as_root sh -c 'setsid dockerd >"$1" 2>&1 </dev/null & echo $!' sh "$DOCKERD_LOG")
  wait_for_engine 60 "$pid" || die "dockerd does not start; the last lines of $DOCKERD_LOG:" \
    "$(as_root tail -n 8 "$DOCKERD_LOG")" \
    "It needs root, cgroups and iptables; inside a container it needs --privileged. An engine elsewhere" \
    "serves as well: set DOCKER_HOST."
}

# wait_for_engine SECONDS [PID]: no longer than the process lives, where one is given.
wait_for_engine() {
  local end=$((SECONDS + $1))
  until engine_answers; do
    refuse_without_permission
    ((SECONDS < end)) || return 1
    sleep 0.3
    [ -z "${2-}" ] || [ -d "/proc/$2" ] || end=0
  done
}
