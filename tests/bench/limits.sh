#!/usr/bin/env bash
# What limits are worth: how exactly limits.cpu holds spinning guests back, how long past limits.memory a container lives, and what a
# container that spins without a limit does to requests to another one.
#
# Processor time is taken twice between the same two moments, both after everything has started: what the kernel says of the whole of peapod,
# so that the host's own part counts against it, and what peapod accounted to the container. Neither depends on how busy the machine is, as
# long as there is room for what the limit allows: a container that does not get its limit because others have the cores shows too little.
#
#   limits.sh                                   prints a table
#   PEAPOD=path SECONDS_EACH=20 REQUESTS=300 LIMITS="50 250"
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peapod=${PEAPOD:-$here/../../target/release/peapod}
dist=$here/../../guests/dist
each=${SECONDS_EACH:-20} requests=${REQUESTS:-300}
for file in "$peapod" "$dist"/{busybox,spin,eat-memory,http-hello}.wasm; do
  [ -f "$file" ] || { echo "limits.sh: $file is missing" >&2; exit 1; }
done

scratch=$(mktemp -d)
running=
stop() { [ -z "$running" ] || { kill -INT "$running" && wait "$running"; } 2>/dev/null || true; running=; }
trap 'stop; rm -rf "$scratch"' EXIT
export PEAPOD_DATA_DIR=$scratch/data
unset RUST_BACKTRACE
mkdir "$scratch/bin"
cp "$dist/spin.wasm" "$scratch/bin/spin"
row() { printf '%-52s %14s %14s   %s\n' "$@"; }
cpu_row() { printf '%-42s %9s %12s %9s %12s %9s\n' "$@"; }

# Three processes that spin in one container with these limits.
spinners() {
  printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: spin}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n'
  printf '  volumes: [{name: bin, hostPath: {path: %s}}]\n  containers:\n  - name: c\n    image: %s\n' "$scratch/bin" "$dist/busybox.wasm"
  printf '    command: [sh, -c, "/bin/spin --after ready & /bin/spin --after ready & /bin/spin --after ready & wait"]\n'
  printf '    volumeMounts: [{name: bin, mountPath: /bin}]\n    resources: {%s}\n' "$1"
}
# Runs a manifest until all three spin.
begin() {
  "$peapod" run --prefix never "${@:2}" "$1" >"$scratch/out" 2>&1 &
  running=$!
  until [ "$(grep -c '^ready' "$scratch/out")" -ge 3 ]; do sleep 0.1; done
}
# Processor time of peapod in clock ticks.
used() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$running/stat"; }

# Once, so that nothing is compiled while it is measured.
spinners 'limits: {cpu: 1}' >"$scratch/spin.yaml"
begin "$scratch/spin.yaml"
stop

# What peapod accounted to the container, in nanoseconds.
accounted() { "$peapod" top spin -o json | sed -n 's/.*"cpuNanoseconds": \([0-9]*\).*/\1/p'; }
now() { date +%s%N; }
# Of a core, in thousandths: nanoseconds of processor time, from when, until when.
share() { awk "BEGIN { printf \"%.1f\", $1 / ($3 - $2) * 1000 }"; }
fault() { awk "BEGIN { printf \"%+.1f %%\", ($1 / $2 - 1) * 100 }"; }

cpu_row '' limit 'container' fault 'all of it' fault
tick=$((1000000000 / $(getconf CLK_TCK))) cores=$(nproc)
for limit in ${LIMITS:-50 250 500 1000 1500 2000}; do
  what='limits.cpu, three processes that spin'
  if [ "$limit" -gt $((cores * 1000)) ]; then
    cpu_row "$what" "${limit}m" - - - "only $cores cores here"
    continue
  fi
  spinners "limits: {cpu: ${limit}m}" >"$scratch/spin.yaml"
  begin "$scratch/spin.yaml"
  sleep 1
  own=$(accounted) own_from=$(now) all=$(used) all_from=$(now)
  sleep "$each"
  all=$((($(used) - all) * tick)) all_to=$(now) own=$(($(accounted) - own)) own_to=$(now)
  stop
  own=$(share "$own" "$own_from" "$own_to") all=$(share "$all" "$all_from" "$all_to")
  cpu_row "$what" "${limit}m" "${own}m" "$(fault "$own" "$limit")" "${all}m" "$(fault "$all" "$limit")"
done

# What the host takes for itself while a container waits.
printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: idle}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  containers:\n  - {name: c, image: %s, command: [sh, -c, "echo ready; echo ready; echo ready; sleep 1000"]}\n' \
  "$dist/busybox.wasm" >"$scratch/idle.yaml"
begin "$scratch/idle.yaml"
sleep 1
all=$(used) all_from=$(now)
sleep "$each"
all=$((($(used) - all) * tick)) all_to=$(now)
stop
cpu_row 'a container that sleeps' - - - "$(share "$all" "$all_from" "$all_to")m" ''

printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: eat}\nspec:\n  restartPolicy: Never\n  containers:\n  - {name: c, image: %s, args: ["1"], resources: {limits: {memory: 64Mi}}}\n' \
  "$dist/eat-memory.wasm" >"$scratch/eat.yaml"
"$peapod" run -o json "$scratch/eat.yaml" >"$scratch/eat.json" 2>"$scratch/eat.out" || true
reached=$(grep -c '^have' "$scratch/eat.out" || true)
reason=$(sed -n 's/.*"reason": "\(OOMKilled\)".*/\1/p' "$scratch/eat.json" | head -1)
row 'limits.memory, a guest that takes 1 MiB at a time' '64 MiB' "$reached MiB" "$reason"

# Requests from outside to a server, as a probe makes them: microseconds at the median, the 99th percentile and the worst.
port=$((20000 + RANDOM % 10000))
ask() {
  for _ in $(seq "$requests"); do
    curl -s -o /dev/null -w '%{time_total}\n' "http://127.0.0.1:$port/"
  done | sort -g >"$scratch/times"
  at() { sed -n "$((requests * $1 / 100))p" "$scratch/times" | awk '{ printf "%.1f ms", $1 * 1000 }'; }
  row "$1" "$(at 50)" "$(at 99)" "worst $(at 100)"
}
server() {
  printf -- '---\napiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  containers:\n  - {name: c, image: %s}\n' \
    "$dist/http-hello.wasm"
}
row '' 'median' 'p99' ''
server >"$scratch/web.yaml"
"$peapod" run --publish "$port:web:8080" "$scratch/web.yaml" >/dev/null 2>&1 &
running=$!
until curl -s -o /dev/null "http://127.0.0.1:$port/"; do sleep 0.1; done
ask 'a request, nothing else runs'
stop
{ spinners ''; server; } >"$scratch/both.yaml"
begin "$scratch/both.yaml" --publish "$port:web:8080"
until curl -s -o /dev/null "http://127.0.0.1:$port/"; do sleep 0.1; done
ask 'a request, beside three that spin without a limit'
stop
