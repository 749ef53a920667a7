# Process 1 of every sandbox. POSIX sh, so that any image with R serves.
#
#   sh -c SUPERVISOR omcp WORKER_R IDLE_SECONDS LIFETIME_SECONDS
#
# It keeps one R alive, ends the container at its deadline when nobody is left to ask, and turns
# signals from outside into an interrupt (INT) or a kill (USR1) of everything that R started.
# Being process 1 it can be neither killed nor stopped by what runs here. It trusts nothing that the
# sandbox can write: at worst user code ends its own session early or, up to LIFETIME, late.
#
# Descriptors: 1, 2 transcript   3 control channel out   4 requests in   5 R's script
#              6 life record: "IDLE BEAT BUSY"   7 the worker
#
# The worker changes BEAT at every use and says for how many seconds it may be BUSY, 0 when it is not.
# The time of a change is read off this side's clock.

umask 077
worker=$1 idle=$2 lifetime=$3
exec 3>&1 1>&2 4<&0 </dev/null

now() { read -r up _ </proc/uptime && up=${up%%.*}; }
say() { printf 'OMCP1 %s - %d\n%s\n' "$1" "${#2}" "$2" >&3; }
is_number() { case $1 in '' | *[!0-9]*) return 1 ;; esac && [ "${#1}" -le 9 ]; }

# A descriptor on a file that has no name any more: user code can neither delete nor replace it.
unnamed=/tmp/.omcp
printf '%s\n' "$worker" >$unnamed && exec 7<$unnamed && rm -f $unnamed || exit 70
now
born=$up
printf '%-47s\n' "$idle 0 0" >$unnamed && exec 6<>$unnamed && rm -f $unnamed || exit 70
unset worker

# A shell starts what runs beside it with INT ignored, and from 4.6 on R leaves that so. Older env
# programs cannot undo it; older R need not have it undone.
heeding='env --default-signal=INT,QUIT'
$heeding true 2>/dev/null || heeding=

start_r() {
  mkfifo $unnamed && exec 5<>$unnamed && rm -f $unnamed || exit 70
  # The script is a pipe that the worker itself feeds, two lines a step: see session.R.
  printf '%s\n' 'eval(parse("/proc/self/fd/7", keep.source = FALSE), new.env(parent = baseenv()))' \
    '.omcp_next()' >&5
  $heeding R --no-echo --no-restore --no-save --no-init-file --file=/proc/self/fd/5 &
  r=$!
}

alive() { read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" && [ "$state" != Z ]; }

restart_r() {
  # The shell's own remark on how it died is nobody's output.
  wait "$r" 2>/dev/null
  status=$?
  # What R left running belongs to the session that is gone.
  kill -KILL -1 2>/dev/null
  now
  read -r i b _ 2>/dev/null </proc/self/fd/6
  is_number "$i" && idle=$i
  # One that answered anything did start.
  [ "$b" = 0 ] || short=0
  short=$((short + 1))
  say exit "{\"status\":$status,\"killed\":$killed}"
  # An R that cannot even start would be started for ever.
  [ "$short" -gt 5 ] && exit 70
  killed=false until=0 last=$up beat=0
  # The next one counts from 0 again. In place: a full disk cannot keep it from being written.
  printf '%-47s\n' "$idle 0 0" 1<>/proc/self/fd/6
  start_r
}

# When the container must end, and whether an execution has outlived its limit unattended.
check_deadlines() {
  now
  read -r i b busy 2>/dev/null </proc/self/fd/6
  if is_number "$i" && is_number "$b" && is_number "$busy" && [ "$b" != "$beat" ]; then
    idle=$i beat=$b last=$up until=0 overdue=0
    [ "$busy" -gt 0 ] && until=$((up + busy))
  fi
  end=$((born + lifetime))
  if [ "$until" -gt 0 ]; then
    # Tells a server that waits that the channel is alive.
    say tick '{}'
    [ "$until" -gt "$end" ] && until=$end
    # A server that lives interrupts at the limit; this is for the time when none does.
    if [ "$up" -ge $((until + 5)) ]; then
      if [ "$overdue" -lt 3 ]; then kill -INT -1; else killed=true && kill -KILL -1; fi
      overdue=$((overdue + 1))
    fi
    idle_end=$((until + 30 + idle))
  else
    idle_end=$((last + idle))
  fi
  [ "$idle_end" -lt "$end" ] && end=$idle_end
  [ "$up" -ge "$end" ] && exit 0
  tick=$((end - up))
  [ "$tick" -gt 5 ] && tick=5
  return 0
}

# Sleeps for a tick or until a child ends, stops or a signal comes. Where user code has used up
# every process, "command" keeps the failed fork from ending this shell, and time is spent looking.
nap() {
  [ -n "$sleeper" ] && alive "$sleeper" && kill -CONT "$sleeper" 2>/dev/null || {
    sleeper=
    command eval "sleep $tick & sleeper=\$!" 2>/dev/null || {
      was=$up
      while now && [ "$up" -eq "$was" ]; do :; done
      return 0
    }
  }
  wait "$sleeper" 2>/dev/null
}

killed=false overdue=0 short=0 sleeper='' beat=0 last=$born until=0
trap 'kill -INT -1; say interrupted "{}"' INT
trap 'killed=true; kill -KILL -1; say killing "{}"' USR1
trap 'exit 0' TERM HUP
trap : CHLD
start_r
while :; do
  alive "$r" || restart_r
  check_deadlines
  nap
done
