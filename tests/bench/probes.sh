#!/usr/bin/env bash
# What probes cost: PODS pods, each with a readiness probe every second, in one host. Printed is how much of one core the whole program
# takes, less what the same pods take without probes. What the servers do to answer is in it: nobody can probe without being answered.
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
    kill -INT "$running" 2>/dev/null || true
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

measure() { # GUEST ARGS PROBE: the part of one core that it takes
  manifest "$@" >"$scratch/pods.yaml"
  "$peapod" run --events "$scratch/pods.yaml" >"$scratch/log" 2>&1 &
  running=$!
  for _ in $(seq 600); do
    [ "$(grep -c 'Container started' "$scratch/log")" -ge "$pods" ] && break
    kill -0 "$running" 2>/dev/null || { cat "$scratch/log" >&2; exit 1; }
    sleep 0.5
  done
  # The first seconds still have to do with starting: probes that come before their server fail.
  sleep 5
  local failed
  failed=$(grep -c 'Unhealthy' "$scratch/log") || true
  python3 - "$running" "$each" <<'PY'
import os, sys, time
pid, seconds = sys.argv[1], float(sys.argv[2])
def cpu():
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
before, begun = cpu(), time.monotonic()
time.sleep(seconds)
print((cpu() - before) / (time.monotonic() - begun))
PY
  if [ "$(grep -c 'Unhealthy' "$scratch/log")" -gt "$failed" ]; then
    echo 'probes.sh: probes failed while they were measured' >&2
    grep 'Unhealthy' "$scratch/log" | tail -n 3 >&2
  fi
  kill -INT "$running" 2>/dev/null || true
  wait "$running" 2>/dev/null || true
  running=
}

row() { printf '%-64s %10s %10s %8s   %s\n' "$@"; }
ratio() { python3 -c 'import sys; print(f"{float(sys.argv[1])-float(sys.argv[2]):.3f}")' "$1" "$2"; }
idle=$(measure http-hello '' '')
http=$(measure http-hello '' 'httpGet: {port: 8080}')
row "$pods pods, httpGet each second: part of one core" "$(ratio "$http" "$idle")" - - '< 0.1'
idle=$(measure echo '"8080"' '')
tcp=$(measure echo '"8080"' 'tcpSocket: {port: 8080}')
row "$pods pods, tcpSocket each second: part of one core" "$(ratio "$tcp" "$idle")" - - '< 0.1'
