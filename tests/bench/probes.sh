#!/usr/bin/env bash
# What probes cost: PODS pods, each with a readiness probe every second, in one host. Printed is the processor time, user and system, that
# the whole program takes for 1,000 probes, less what the same pods take in the same time without probes: a busy machine makes it last
# longer, not cost more. What the servers do to answer is in it, and shown beside it: nobody can probe without being answered. With 1,000
# pods, seconds per 1,000 probes are the part of one core.
#
#   tests/bench/probes.sh           needs python3, guests/build.sh and `cargo build --release` before it
#   PEAPOD=path PODS=1000 SECONDS_EACH=20
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

peapod=${PEAPOD:-$PWD/target/release/peapod}
pods=${PODS:-1000} each=${SECONDS_EACH:-20}
for tool in python3 "$peapod"; do
  command -v "$tool" >/dev/null || { echo "probes.sh: no $tool here" >&2; exit 1; }
done

scratch=$(mktemp -d)
running=
end() {
  if [ -n "$running" ]; then
    kill -KILL "$running" 2>/dev/null || true
    wait "$running" 2>/dev/null || true
  fi
  rm -rf "$scratch"
}
trap end EXIT
export PEAPOD_DATA_DIR=$scratch/data
unset RUST_BACKTRACE

manifest() { # GUEST ARGS PROBE
  for n in $(seq "$pods"); do
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: p%s}\nspec:\n  terminationGracePeriodSeconds: 1\n  containers:\n' "$n"
    printf '  - name: c\n    image: %s\n    args: [%s]\n    ports: [{containerPort: 8080}]\n' "$PWD/guests/dist/$1.wasm" "$2"
    if [ -n "$3" ]; then printf '    readinessProbe: {%s, periodSeconds: 1, timeoutSeconds: 10}\n' "$3"; fi
    echo ---
  done
}

# Not in a subshell: what runs has to be known to whoever ends it.
user='' system='' guests=''
measure() { # GUEST ARGS PROBE: leaves the seconds of processor time in $user and $system, and what of it was accounted to containers in $guests
  manifest "$@" >"$scratch/pods.yaml"
  "$peapod" run --events --capacity "pods=$pods" "$scratch/pods.yaml" >"$scratch/log" 2>&1 &
  running=$!
  local tries=0
  until [ "$(grep -c 'Container started' "$scratch/log")" -ge "$pods" ]; do
    kill -0 "$running" 2>/dev/null || { tail "$scratch/log" >&2; exit 1; }
    tries=$((tries + 1))
    [ "$tries" -le 600 ] || { echo "probes.sh: the pods do not start" >&2; exit 1; }
    sleep 0.5
  done
  # The first seconds still have to do with starting: probes that come before their server fail.
  sleep 5
  local failed
  failed=$(grep -c 'Unhealthy' "$scratch/log") || true
  python3 - "$running" "$each" "$peapod" >"$scratch/times" <<'PY'
import json, os, subprocess, sys, time
pid, seconds, peapod = sys.argv[1], float(sys.argv[2]), sys.argv[3]
def accounted(usage):
    if isinstance(usage, dict):
        return usage.get("cpuNanoseconds", 0) + sum(map(accounted, usage.values()))
    return sum(map(accounted, usage)) if isinstance(usage, list) else 0
def cpu():
    # First what the guests used, for asking costs something itself.
    top = json.loads(subprocess.check_output([peapod, "top", "-o", "json"]))
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:13]] + [accounted(top) / 1e9]
before = cpu()
time.sleep(seconds)
print(*(after - b for after, b in zip(cpu(), before)))
PY
  read -r user system guests <"$scratch/times"
  if [ "$(grep -c 'Unhealthy' "$scratch/log")" -gt "$failed" ]; then
    echo 'probes.sh: probes failed while they were measured' >&2
    grep 'Unhealthy' "$scratch/log" | tail -n 3 >&2
  fi
  kill -INT "$running"
  for _ in $(seq 120); do
    kill -0 "$running" 2>/dev/null || { wait "$running" || true; running=; return; }
    sleep 0.5
  done
  echo 'probes.sh: peapod does not end' >&2
  exit 1
}

row() { printf '%-48s %8s %8s %8s %14s   %s\n' "$@"; }
# Seconds per 1,000 probes; each pod has one a second.
cost() { python3 -c 'import sys; a, b, n = map(float, sys.argv[1:]); print(f"{(a - b) * 1000 / n:.3f}")' "$1" "$2" $((pods * each)); }
compare() { # NAME GUEST ARGS PROBE
  local name=$1
  shift
  measure "$1" "$2" ''
  local idle_user=$user idle_system=$system idle_guests=$guests
  measure "$@"
  local own_user own_system
  own_user=$(cost "$user" "$idle_user") own_system=$(cost "$system" "$idle_system")
  row "1,000 probes by $name of $pods pods, CPU seconds" "$own_user" "$own_system" \
    "$(python3 -c 'import sys; print(f"{sum(map(float, sys.argv[1:])):.3f}")' "$own_user" "$own_system")" \
    "$(cost "$guests" "$idle_guests")" '< 0.1'
}
row '' user system together 'of it, guests' goal
compare httpGet http-hello '' 'httpGet: {port: 8080}'
compare tcpSocket echo '"8080"' 'tcpSocket: {port: 8080}'
