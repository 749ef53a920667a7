# Runs in a fresh sandbox of a cluster, before any code of a user's: prints what holds process 1, and tries
# to get out. POSIX sh and R only.
#
#   sh -c PROBE omcp-probe HOST:PORT...
#
# A section begins with a line "omcp NAME". Whether anybody answers is read off the kernel's count of the
# TCP segments that came in: a refusal is an answer, and R tells it from silence by nothing. First comes a
# connection to itself, without whose success the silence of the others would say nothing.
part() {
  printf '\nomcp %s\n' "$1"
  shift
  for file; do [ ! -r "$file" ] || cat "$file"; done
}
groups=/sys/fs/cgroup
part status /proc/1/status
part users /proc/1/uid_map
part limits /proc/1/limits
part mounts /proc/1/mounts
part swaps /proc/swaps
part memory $groups/memory.max $groups/memory/memory.limit_in_bytes
part swap $groups/memory.swap.max $groups/memory/memory.memsw.limit_in_bytes
part cpu $groups/cpu.max $groups/cpu/cpu.cfs_quota_us $groups/cpu/cpu.cfs_period_us
part network
# Where clouds keep their machines' credentials.
set -- "$@" 169.254.169.254:80
if [ -n "$KUBERNETES_SERVICE_HOST" ]; then
  # Of the services' addresses the tenth is by custom that of the names.
  set -- "$@" "$KUBERNETES_SERVICE_HOST:${KUBERNETES_SERVICE_PORT:-443}" "${KUBERNETES_SERVICE_HOST%.*}.10:53"
fi
R_DEFAULT_PACKAGES=NULL R --no-echo --vanilla --args "$@" <<'CODE'
base::suppressWarnings({
  segments <- function() {
    lines <- strsplit(grep("^Tcp:", readLines("/proc/net/snmp"), value = TRUE), " ")
    as.numeric(lines[[2L]][match("InSegs", lines[[1L]])])
  }
  reach <- function(host, port) {
    link <- try(socketConnection(host, port, blocking = TRUE, open = "r+b", timeout = 1), silent = TRUE)
    there <- inherits(link, "connection")
    if (there) close(link)
    there
  }
  say <- function(...) cat(paste(...), "\n", sep = "")
  before <- segments()
  for (port in 20000L + Sys.getpid() %% 1000L + 0:9 * 1000L) {
    listener <- try(serverSocket(port), silent = TRUE)
    if (inherits(listener, "connection")) break
  }
  control <- inherits(listener, "connection") && reach("127.0.0.1", port) && segments() > before
  say("control", if (isTRUE(control)) "yes" else "no")
  targets <- grep("^[^:]+:[0-9]+$", commandArgs(TRUE), value = TRUE)
  tries <- function(target) {
    place <- strsplit(target, ":", fixed = TRUE)[[1L]]
    reach(place[1L], as.integer(place[2L]))
  }
  before <- segments()
  reached <- try(unlist(parallel::mclapply(targets, tries, mc.cores = max(1L, length(targets)))), silent = TRUE)
  if (length(reached) != length(targets)) reached <- vapply(targets, tries, NA)
  for (i in seq_along(targets)) say("target", targets[i], if (isTRUE(reached[[i]])) "reached" else "silent")
  say("answers", segments() - before)
})
CODE
part end
