# Process 1 of every sandbox. POSIX sh, so that any image with R serves.
#
#   sh -c SUPERVISOR omcp WORKER_R IDLE_SECONDS LIFETIME_SECONDS
#
# It keeps one R alive, ends the container at its deadline when nobody is left to ask, and turns
# signals from outside into an interrupt (INT) or a kill (USR1) of everything that R started.
# Being process 1 it can be neither killed nor stopped by what runs here. It trusts nothing that the
# sandbox can write: at worst user code ends its own session early or, up to LIFETIME, late. The
# worker's text stays in a variable and is fed to each R anew: no file can stand in for it.
#
# Descriptors: 1, 2 transcript   3 control channel out   4 requests in   5 R's script
#              6 life record: "IDLE BEAT BUSY ID STARTED GIVEN"
#
# The worker changes BEAT at every use and says for how many seconds it may be BUSY, 0 when it is not;
# which run is under way (ID, or -), when it began (seconds since the epoch, with a fraction), and
# whether the sandbox has been GIVEN out. The time of a change is read off this side's clock.

# Everything that it can see is killed when R ends: only where that is the sandbox may it run.
[ $$ = 1 ] || exit 70

umask 077
# A file beyond its limit is an error to R, not its death.
trap '' XFSZ
worker=$1 idle=$2 lifetime=$3
set --
exec 3>&1 1>&2 4<&0 </dev/null

# Seconds for which this machine was awake: an uptime that jumps is no time that passed here.
now() {
  read -r up _ </proc/uptime && up=${up%%.*}
  step=$((up - seen)) seen=$up
  [ "$step" -gt 6 ] && step=6
  [ "$step" -gt 0 ] && clock=$((clock + step))
  return 0
}

# A frame of writer S: see wire.hpp. One printf is one write.
none=0000000000000000 sequence=0
say() {
  sequence=$((sequence + 1))
  printf '\002OM2S%s.%08x%s%04x:%s\003' "$1" "$sequence" "$none" "${#2}" "$2" >&3
}
finish() {
  say z "$1"
  exit "$2"
}

is_number() { case $1 in '' | *[!0-9]*) return 1 ;; esac && [ "${#1}" -le 9 ]; }
is_time() { case $1 in '' | *[!0-9.]*) return 1 ;; esac && [ "${#1}" -le 18 ]; }
is_id() { case $1 in *[!0-9a-f]*) return 1 ;; esac && [ "${#1}" = 16 ]; }

# Descriptors on what has no name any more: user code can neither delete nor replace it.
unnamed=/tmp/.omcp
printf '%-79s\n' "$idle 0 0 - 0 0" >$unnamed && exec 6<>$unnamed && rm -f $unnamed || finish broken 70

# A shell starts what runs beside it with INT ignored, and from 4.6 on R leaves that so. Older env
# programs cannot undo it; older R need not have it undone.
heeding='env --default-signal=INT,QUIT'
$heeding true 2>/dev/null || heeding=

# R's script is a pipe. First comes what reads the worker's text out of it, 32 lines at once, then that,
# and as many lines that end it, of which R takes what is over for comments; from then on the worker
# itself feeds it, three lines a step: see wire.R. It is written by a process of its own, since R may
# never read it.
feed() {
  printf '%s\n' '(function() { text <- NULL
repeat { text <- c(text, readLines(stdin(), 32L)); if (text[length(text)] == "#\003") break }
eval(parse(text = text, keep.source = FALSE), new.env(parent = baseenv())) })()' "$worker"
  for _ in 1 2 3 4; do printf '#\003%.0s\n' 1 2 3 4 5 6 7 8; done
  printf '.BaseNamespaceEnv$.__S3MethodsTable__.$.omcp_%s()\n' next again
}

start_r() {
  script=
  # User code may have filled a folder, or have put something there that cannot be removed.
  for place in $unnamed /dev/shm/.omcp /sandbox/.omcp; do
    { mkfifo $place || { rm -rf $place && mkfifo $place; }; } 2>/dev/null && script=$place && break
  done
  [ -n "$script" ] && exec 5<>$script && rm -f $script || finish broken 70
  $heeding R --no-echo --no-restore --no-save --no-init-file --file=/proc/self/fd/5 &
  r=$!
  feed >&5 &
}

alive() { read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" && [ "$state" != Z ]; }

read_life() {
  read -r i b busy id started given _ 2>/dev/null </proc/self/fd/6
}

restart_r() {
  # The shell's own remark on how it died is nobody's output.
  wait "$r" 2>/dev/null
  status=$?
  # What R left running belongs to the session that is gone, and so does what that printed.
  kill -KILL -1 2>/dev/null
  printf '\002OM2X%s\n' "$none" >&2
  say x "$status $killed"
  read_life
  is_number "$i" && idle=$i
  is_id "$id" && is_time "$started" || id=- started=0
  [ "$given" = 1 ] || given=0
  # One that answered anything did start; its first beat only says that it is there.
  case $b in 0 | 1) ;; *) short=0 ;; esac
  short=$((short + 1))
  # An R that cannot even start would be started for ever.
  [ "$short" -gt 5 ] && finish broken 70
  now
  killed=0 until=0 last=$((clock + starting)) beat=0
  # The next one counts from 0 again, and reports what the last one had finished. In place: a full disk
  # cannot keep it from being written.
  printf '%-79s\n' "$idle 0 0 $id $started $given" 1<>/proc/self/fd/6
  start_r
}

# When the container must end, and whether an execution has outlived its limit unattended.
check_deadlines() {
  now
  read_life
  if is_number "$i" && is_number "$b" && is_number "$busy" && [ "$b" != "$beat" ]; then
    idle=$i beat=$b last=$clock until=0 overdue=0
    [ "$busy" -gt 0 ] && until=$((clock + busy))
  fi
  # A spare's age does not count against what is made of it; this is believed once.
  [ "$given" = 1 ] && [ -z "$was_given" ] && was_given=1 born=$clock
  end=$((born + lifetime)) why=lifetime
  if [ "$until" -gt 0 ]; then
    # Tells a server that waits that the channel is alive.
    [ "$clock" = "$told" ] || say t ''
    told=$clock
    [ "$until" -gt "$end" ] && until=$end
    # A server that lives interrupts at the limit; this is for the time when none does.
    if [ "$clock" -ge $((until + 5)) ]; then
      if [ "$overdue" -lt 3 ]; then kill -INT -1; else killed=1 && kill -KILL -1; fi
      overdue=$((overdue + 1))
    fi
    idle_end=$((until + 30 + idle))
  else
    idle_end=$((last + idle))
  fi
  [ "$idle_end" -lt "$end" ] && end=$idle_end why=idle
  [ "$clock" -ge "$end" ] && finish "$why" 0
  tick=$((end - clock)) most=5
  [ "$until" = 0 ] || most=3
  [ "$tick" -gt "$most" ] && tick=$most
  return 0
}

# Where the kernel counts this sandbox's memory: version 2 of its groups, or 1.
memory=/sys/fs/cgroup/memory
limit_now=$memory.max used_now=$memory.current stat_now=$memory.stat
[ -r $limit_now ] || {
  memory=$memory/memory
  limit_now=$memory.limit_in_bytes used_now=$memory.usage_in_bytes stat_now=$memory.stat
}

# Kills code that crawls. Where it leaves less memory than R's own machine code takes, that is read from
# disk again and again; the kernel, which can free it each time, kills nothing. Seen in three looks at
# once: little is left but such pages, and they are missed all the time.
check_memory() {
  took=$((clock - looked))
  [ "$took" -ge 2 ] && [ -r $limit_now ] && [ -r $stat_now ] || return 0
  looked=$clock was=$missed cached=0 shared=0
  read -r limit <$limit_now && read -r used <$used_now || return 0
  case $limit$used in *[!0-9]*) return 0 ;; esac
  while read -r name bytes; do
    case $name in
      file | cache) cached=$bytes ;;
      shmem) shared=$bytes ;;
      pgmajfault) missed=$bytes ;;
    esac
  done <$stat_now
  if [ $((limit - used + cached - shared)) -lt 8388608 ] && [ $((missed - was)) -ge $((took * 40)) ]; then
    crawls=$((crawls + 1)) tick=2
  else
    crawls=0
  fi
  [ "$crawls" -lt 3 ] || { crawls=0 && kill -KILL -1; }
  return 0
}

# Sleeps for a tick or until a child ends, stops or a signal comes. The sleeper is marked, so that the
# worker can tell it from what the user's code left running. Where user code has used up every
# process, "command" keeps the failed fork from ending this shell, and time is spent looking.
nap() {
  [ -n "$sleeper" ] && alive "$sleeper" && kill -CONT "$sleeper" 2>/dev/null || {
    sleeper=
    command eval "OMCP_GUARD=1 sleep $tick & sleeper=\$!" 2>/dev/null || {
      was=$up
      while now && [ "$up" -eq "$was" ]; do :; done
      return 0
    }
  }
  wait "$sleeper" 2>/dev/null
}

# What R may take to start, in seconds, does not count as time in which it is idle.
seen=0 clock=0 up=0 starting=60
now
killed=0 overdue=0 short=0 sleeper='' was_given='' born=0 beat=0 clock=0 last=$starting until=0 told=0
looked=0 missed=0 crawls=0
trap 'kill -INT -1; say i ""' INT
trap 'killed=1; kill -KILL -1; say k ""' USR1
trap 'finish asked 0' TERM HUP
trap : CHLD
start_r
while :; do
  alive "$r" || restart_r
  check_deadlines
  [ "$until" = 0 ] || check_memory
  nap
done
