# What holds this sandbox, as seen from inside it: a line "name=value" for each fact, "?" where it cannot be
# told. Read by doctor_sandbox.cpp.
local({
  tell <- function(name, value) {
    text <- tryCatch(suppressWarnings(gsub("[^ -~]", "?", substr(paste(value, collapse = " "), 1, 300))),
                     error = function(e) "?")
    cat(name, "=", text, "\n", sep = "")
  }
  none_or <- function(x) if (length(x)) x else "none"
  mark <- basename(tempfile(".omcp-doctor-"))

  status <- readLines("/proc/self/status")
  of_status <- function(key) {
    line <- grep(paste0("^", key, ":"), status, value = TRUE)
    if (!length(line)) stop()
    gsub("[ \t]+", " ", trimws(sub("^[^:]*:", "", line[1])))
  }
  for (key in c("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"))
    tell(key, of_status(key))

  # The last mount at a place hides those before it.
  mounts <- strsplit(readLines("/proc/self/mounts"), " ")
  options_of <- function(place) {
    at <- Filter(function(mount) mount[2] == place, mounts)
    if (!length(at)) return("none")
    intersect(strsplit(at[[length(at)]][4], ",")[[1]], c("ro", "rw", "noexec", "nosuid", "nodev"))
  }
  for (place in c("/", "/tmp", "/sandbox", "/dev/shm", "/data")) tell(paste0("mount ", place), options_of(place))

  writable <- function(folder) {
    file <- file.path(folder, mark)
    on.exit(unlink(file))
    suppressWarnings(file.create(file))
  }
  folders <- c("/", "/usr", "/etc", "/var", "/var/tmp", "/opt", "/home", "/root", "/run", "/run/lock", "/dev",
               "/proc", "/sys", "/sys/fs/cgroup", .libPaths())
  tell("written", none_or(Filter(writable, folders)))
  runs_in <- function(folder) {
    program <- file.path(folder, mark)
    on.exit(unlink(program))
    if (!file.copy("/bin/true", program)) stop()
    Sys.chmod(program, "755")
    system2(program, stdout = FALSE, stderr = FALSE) == 0
  }
  tell("run", none_or(Filter(runs_in, c("/tmp", "/sandbox"))))

  tell("interfaces", none_or(trimws(sub(":.*", "", readLines("/proc/net/dev")[-(1:2)]))))
  tell("routes", length(readLines("/proc/net/route")) - 1)
  tell("connected", tryCatch(
    { close(suppressWarnings(socketConnection("1.1.1.1", 53, timeout = 3))); "yes" }, error = function(e) "no"))

  limits <- readLines("/proc/self/limits")
  of_limits <- function(key) {
    line <- grep(key, limits, value = TRUE, fixed = TRUE)
    if (!length(line)) stop()
    strsplit(trimws(sub(key, "", line, fixed = TRUE)), " +")[[1]][1:2]
  }
  for (key in c("Max core file size", "Max open files", "Max file size", "Max processes")) tell(key, of_limits(key))
  cgroup <- function(...) {
    for (file in file.path("/sys/fs/cgroup", c(...))) if (file.exists(file)) return(readLines(file, 1))
    stop()
  }
  tell("memory", cgroup("memory.max", "memory/memory.limit_in_bytes"))
  tell("swap", cgroup("memory.swap.max"))
  tell("memory and swap", cgroup("memory/memory.memsw.limit_in_bytes"))
  tell("processes", cgroup("pids.max", "pids/pids.max"))
  tell("processors", {
    quota <- cgroup("cpu.max", "cpu/cpu.cfs_quota_us")
    period <- cgroup("cpu.max", "cpu/cpu.cfs_period_us")
    if (startsWith(quota, "max") || startsWith(quota, "-")) "max"
    else as.numeric(sub(" .*", "", quota)) / as.numeric(sub(".* ", "", period))
  })

  shows <- function(path) {
    if (dir.exists(path)) return(length(list.files(path)) > 0)
    file.access(path, 4) == 0 && length(suppressWarnings(readBin(path, "raw", 1))) > 0
  }
  masked <- c("/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
              "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware")
  tell("shown", none_or(Filter(function(path) tryCatch(shows(path), error = function(e) FALSE), masked)))
  settings <- c("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/irq",
                "/proc/bus", "/sys/kernel/uevent_helper")
  tell("changeable", none_or(Filter(function(path) file.access(path, 2) == 0, settings)))
  sockets <- c("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock",
               "/run/podman/podman.sock", "/run/crio/crio.sock")
  tell("sockets", none_or(Filter(file.exists, sockets)))

  programs <- list.files(unique(normalizePath(c("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin"))),
                         full.names = TRUE)
  tell("setuid", sum(bitwAnd(as.integer(file.info(programs)$mode), 6L * 512L) > 0, na.rm = TRUE))
  # Our list of system calls has no setpriority() of a process by its number; engines' own lists have it.
  tell("priority", {
    before <- tools::psnice()
    tools::psnice(value = before + 1L)
    if (tools::psnice() == before) "kept" else "changed"
  })
  tell("confined", readLines("/proc/self/attr/current"))
  tell("process 1", { close(suppressWarnings(file("/proc/1/mem", "rb"))); "open" })
  tell("open in process 1", {
    open <- Sys.readlink(list.files("/proc/1/fd", full.names = TRUE))
    if (!length(open)) stop()
    none_or(unique(grep("^/(?!(dev|tmp|sandbox)/)", open, perl = TRUE, value = TRUE)))
  })
  tell("data", {
    if (!dir.exists("/data")) "none"
    else if (writable("/data")) "written"
    else if (file.access("/data", 5) == 0) "readable"
    else "closed"
  })
  tell("end", "yes")
})
