# shellcheck shell=bash
# Images with R: pulled where a registry answers, otherwise made from Debian's packages.
# Sourced after docker/setup.sh.

STATS_IMAGE=omcp-r/stats:latest
TEST_IMAGE=omcp-r-test:bookworm
TEST_IMAGE_BETWEEN=omcp-r-test:trixie
TEST_IMAGE_NEWEST=omcp-r-test:newest
BASE_SUITE=trixie
BASE_IMAGE_MADE=omcp-r-base:$BASE_SUITE
NEWEST_SUITES='forky trixie'
RECIPE_LABEL=omcp-r-image.recipe

# R with its recommended packages, what people reach for first, and fonts that make plots readable
# (with a ready cache: in a read-only container fontconfig would complain of none with every plot; the
# cache holds for directories of the same time to the nanosecond, and tar keeps whole seconds only).
R_PACKAGES='r-base-core r-recommended r-cran-ggplot2 r-cran-data.table r-cran-r6 r-cran-cli
r-cran-tibble r-cran-jsonlite r-cran-dt fontconfig fonts-dejavu-core tzdata'

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# --- the image a user gets --------------------------------------------------------------------

# Sets R_IMAGE to an image that is there: the configured one, or one with the packages that most people
# want. Needs the server's program.
ensure_r_image() {
  R_IMAGE=$(setting DOCKER_IMAGE)
  if [ -z "$R_IMAGE" ]; then
    R_IMAGE=$STATS_IMAGE
    if has_image "$R_IMAGE"; then
      say "The R image is here: $R_IMAGE"
    else
      ensure_base_image
      say "Building $R_IMAGE, with the packages that most people want (some minutes)"
      set_proxies
      env "${PROXIES[@]}" "$ROOT/build/omcp-r-sandbox" image build --recipe stats --base "$BASE_IMAGE" --tag "$R_IMAGE" ||
        die "the image could not be built" "To use one that is there, set DOCKER_IMAGE."
    fi
  elif has_image "$R_IMAGE"; then
    say "The R image is here: $R_IMAGE"
  else
    pull_image "$R_IMAGE" || die "the image $R_IMAGE could not be pulled" "Correct DOCKER_IMAGE, or unset it to have one built."
  fi
}

# Fails where no registry answers; ends the script where one answers that there is no such image.
# A registry that has not answered within PULL_PATIENCE seconds is taken for one out of reach.
pull_image() {
  local image=$1 log pid end=$((SECONDS + ${PULL_PATIENCE:-45})) status=0
  say "Pulling $image"
  log=$(mktemp)
  timeout 1800 docker pull "$image" >"$log" 2>&1 </dev/null &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    if ! grep -q 'Pulling from' "$log" && ((SECONDS >= end)); then
      kill "$pid" 2>/dev/null || true
    fi
    sleep 0.3
  done
  wait "$pid" || status=$?
  if ((status != 0)); then
    sed 's/^/    /' "$log" | tail -n 3 >&2
    if grep -qiE 'manifest unknown|not found: manifest|access denied|does not exist|invalid reference' "$log"; then
      rm -f "$log"
      die "the registry has no image $image" "Correct DOCKER_IMAGE (in the environment or in .env)."
    fi
  fi
  rm -f "$log"
  return "$status"
}

# --- images made from Debian's packages -------------------------------------------------------

# The test images: R 4.2 of Debian 12, R 4.5 of Debian 13, and R of the newest Debian that can be had.
ensure_test_images() {
  local suite
  make_image bookworm "$TEST_IMAGE"
  make_image trixie "$TEST_IMAGE_BETWEEN"
  for suite in $NEWEST_SUITES; do
    if is_current "$TEST_IMAGE_NEWEST" "$suite"; then return; fi
  done
  for suite in $NEWEST_SUITES; do
    if (make_image "$suite" "$TEST_IMAGE_NEWEST"); then return; fi
    say "Debian's suite $suite can't be used now"
  done
  die "no image with a newer R could be made" "Tried the suites: $NEWEST_SUITES"
}

# Sets BASE_IMAGE to what docker/Dockerfile can be built from: Debian's slim image, or one made here.
ensure_base_image() {
  BASE_IMAGE=debian:$BASE_SUITE-slim
  if ! has_image "$BASE_IMAGE" && { is_current "$BASE_IMAGE_MADE" "$BASE_SUITE" nothing || ! pull_image "$BASE_IMAGE"; }; then
    BASE_IMAGE=$BASE_IMAGE_MADE
    make_image "$BASE_SUITE" "$BASE_IMAGE" nothing
  fi
}

# make_image SUITE NAME [CONTENT]: leaves NAME made by the present recipe (CONTENT is r or nothing); the tag
# moves when all is done. A second script that wants it waits for the first one's.
make_image() {
  local suite=$1 name=$2 content=${3:-r}
  is_current "$name" "$suite" "$content" && return
  install_needs image
  mkdir -p "$ROOT/build"
  (
    flock 9
    copy_twin "$suite" "$name" "$content" || build_image "$suite" "$name" "$content"
  ) 9>"$ROOT/build/.image.lock"
}

# copy_twin SUITE NAME CONTENT: where the image is there under any of its names, a tag is enough.
copy_twin() {
  local twin
  for twin in "$2" "$TEST_IMAGE" "$TEST_IMAGE_BETWEEN"; do
    if is_current "$twin" "$1" "$3"; then
      docker tag "$twin" "$2"
      return
    fi
  done
  return 1
}

is_current() {
  [ "$(docker image inspect --format "{{index .Config.Labels \"$RECIPE_LABEL\"}}" "$1" 2>/dev/null)" = "$(recipe "$2" "${3:-r}")" ]
}

# recipe SUITE CONTENT: what an image is made of, as a short hash. One of another recipe is made anew.
recipe() {
  printf '%s-%s-%s' "$1" "$2" "$({ echo "$R_PACKAGES"; declare -f "install_$2" import_tree; } | sha256sum | cut -c1-12)"
}

# Runs in a subshell of its own, so that its trap cleans up on every way out.
build_image() {
  local suite=$1 name=$2 content=$3 old
  say "Making $name from Debian $suite, content: $content (some minutes)"
  old=$(docker image inspect --format '{{.Id}}' "$name" 2>/dev/null) || old=
  tree=$(as_root mktemp -d /var/tmp/omcp-r-image.XXXXXX)
  log=$(mktemp)
  trap 'remove_tree "$tree"; rm -f "$log"' EXIT
  if ! { bootstrap "$suite" "$tree" && "install_$content" "$tree" &&
    import_tree "$tree" "$(recipe "$suite" "$content")" "$name"; } >"$log" 2>&1 9>&-; then
    tail -n 15 "$log" >&2
    die "the image could not be made from Debian $suite ($(debian_mirror))"
  fi
  forget_image "$old"
  say "Made $name: $(docker image inspect --format '{{.Size}}' "$name" | awk '{printf "%d MB", $1 / 1e6}')"
}

# forget_image ID: removes what no name and no container holds any more.
forget_image() {
  if [ "$(docker image inspect --format '{{len .RepoTags}}' "$1" 2>/dev/null)" = 0 ]; then
    docker rmi "$1" >/dev/null 2>&1 || true
  fi
}

remove_tree() {
  as_root umount -l "$1/proc" "$1/sys" 2>/dev/null || true
  as_root rm -rf --one-file-system "$1"
}

# bootstrap SUITE DIR: a suite newer than this machine's debootstrap is made as sid is.
bootstrap() {
  local script=/usr/share/debootstrap/scripts/$1
  [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
  with_proxy debootstrap --variant=minbase "$1" "$2" "$(debian_mirror)" "$script"
}

# R and its packages by the tree's own apt, which (unlike debootstrap) understands alternatives.
# Documentation and translations of the system are left out; R's own are under /usr/lib/R.
install_r() {
  local dir=$1
  as_root tee "$dir/etc/dpkg/dpkg.cfg.d/omcp-r" >/dev/null <<'CFG'
force-unsafe-io
path-exclude /usr/share/doc/*
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/icons/*
CFG
  # shellcheck disable=SC2086
  with_proxy env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$dir" \
    apt-get install -y -q --no-install-recommends $R_PACKAGES </dev/null &&
    as_root chroot "$dir" sh -c 'rm /etc/dpkg/dpkg.cfg.d/omcp-r
      find /usr/share/fonts /usr/local/share/fonts -type d -exec touch -d 2020-01-01 {} + && fc-cache -f -s' &&
    as_root chroot "$dir" Rscript -e 'stopifnot(requireNamespace("ggplot2"), capabilities("cairo"))'
}

install_nothing() { :; }

# import_tree DIR RECIPE NAME
import_tree() {
  as_root chroot "$1" sh -c 'rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/* \
    /usr/share/doc /usr/share/man /usr/share/locale /etc/resolv.conf /etc/hostname'
  as_root tar -C "$1" --numeric-owner --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' \
    --exclude='./tmp/*' -c . |
    docker import -c 'ENV LANG=C.UTF-8' -c "LABEL $RECIPE_LABEL=$2" - "$3"
}

# The mirror this machine's own apt uses for Debian, or Debian's public one.
debian_mirror() {
  local uri=
  if have apt-get; then
    # shellcheck disable=SC2016
    uri=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
      awk '$1 == "Debian" && $2 == "Debian" && $3 ~ /^https?:/ { print $3; exit }') || uri=
  fi
  printf '%s' "${uri:-http://deb.debian.org/debian}"
}

# Runs a command as root with the proxy that this machine's apt is configured with.
with_proxy() {
  set_proxies
  as_root env "${PROXIES[@]}" "$@"
}

# Sets PROXIES to the variables that name it, or that the environment has.
set_proxies() {
  local http=${http_proxy-} https=${https_proxy-} APT_HTTP='' APT_HTTPS=''
  if have apt-config; then
    eval "$(apt-config shell APT_HTTP Acquire::http::Proxy APT_HTTPS Acquire::https::Proxy)"
  fi
  http=${http:-$APT_HTTP}
  https=${https:-$APT_HTTPS}
  PROXIES=(${http:+"http_proxy=$http"} ${https:+"https_proxy=$https"})
}
