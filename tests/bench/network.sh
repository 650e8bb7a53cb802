#!/usr/bin/env bash
# TCP between two containers of one pod against the same two components under wasmtime's own command line over the kernel's loopback, by
# turns, each the median of its runs: bytes a second with writes of 64 KiB and of 1 KiB, the round trip of 64 bytes, and what an open
# connection costs.
#
#   network.sh                                  prints a table
#   PEAPOD=path WASMTIME=path RUNS=5 SECONDS_EACH=1 CONNECTIONS=10000
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peapod=${PEAPOD:-$here/../../target/release/peapod}
wasmtime=${WASMTIME:-wasmtime}
runs=${RUNS:-5} each=${SECONDS_EACH:-1} connections=${CONNECTIONS:-10000}
guest=$here/../../guests/dist/bench-tcp.wasm
for file in "$peapod" "$guest"; do
  [ -f "$file" ] || { echo "network.sh: $file is missing" >&2; exit 1; }
done

scratch=$(mktemp -d)
server=
stop() { [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; server=; }
trap 'stop; rm -rf "$scratch"' EXIT
export PEAPOD_DATA_DIR=$scratch/data
unset RUST_BACKTRACE
printf '[cache]\n' >"$scratch/wasmtime.toml"
theirs=("$wasmtime" run -C cache=y -C "cache-config=$scratch/wasmtime.toml" -S tcp,inherit-network "$guest")

# A sidecar that serves, and one container with the words given: as two processes of one machine, only that it is a pod.
mine() {
  {
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: bench}\nspec:\n  restartPolicy: Never\n  initContainers:\n'
    printf '  - {name: server, image: %s, restartPolicy: Always, args: [server, "127.0.0.1:7000"]}\n  containers:\n' "$guest"
    printf '  - {name: client, image: %s, args: [' "$guest"
    printf '"%s", ' "$1" 127.0.0.1:7000 "${@:2}"
    printf ']}\n'
  } >"$scratch/pod.yaml"
  "$peapod" run --prefix never "$scratch/pod.yaml" 2>/dev/null
}
serve_theirs() {
  port=$((20000 + RANDOM % 10000))
  "${theirs[@]}" server "127.0.0.1:$port" >"$scratch/server" 2>&1 &
  server=$!
  until grep -q listening "$scratch/server"; do sleep 0.05; done
}

median() { sort -g "$1" | sed -n "$(((runs + 1) / 2))p"; }
ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }
row() { printf '%-44s %16s %16s %8s   %s\n' "$@"; }

serve_theirs
for _ in $(seq "$runs"); do
  for size in 65536 1024; do
    mine send "$size" "$each" | sed -n 's/^send .*: \([0-9]*\) bytes.*/\1/p' >>"$scratch/mine.$size"
    "${theirs[@]}" send "127.0.0.1:$port" "$size" "$each" | sed -n 's/^send .*: \([0-9]*\) bytes.*/\1/p' >>"$scratch/theirs.$size"
  done
  mine trips "$each" | grep '^trips' >>"$scratch/mine.trips"
  "${theirs[@]}" trips "127.0.0.1:$port" "$each" | grep '^trips' >>"$scratch/theirs.trips"
done
stop
for who in mine theirs; do
  for what in p50 p99; do
    sed -n "s/.*$what \([0-9.]*\) us.*/\1/p" "$scratch/$who.trips" >"$scratch/$who.$what"
  done
done

row 'TCP on loopback' peapod wasmtime ratio goal
gib() { awk "BEGIN { printf \"%.2f GiB/s\", $1 / 1073741824 }"; }
for size in 65536 1024; do
  a=$(median "$scratch/mine.$size") b=$(median "$scratch/theirs.$size")
  row "writes of $size bytes" "$(gib "$a")" "$(gib "$b")" "$(ratio "$a" "$b")" '>= 2'
done
for what in p50 p99; do
  a=$(median "$scratch/mine.$what") b=$(median "$scratch/theirs.$what")
  row "round trip of 64 bytes, $what" "$a us" "$b us" "$(ratio "$a" "$b")" "$([ $what = p50 ] && echo '<= 0.3' || echo -)"
done

# Peak memory with that many connections open and with one, per connection: the whole of it, the guests' own part included.
peak_of() { # COUNT
  mine send 1 0 >/dev/null || true
  python3 - "$peapod" "$scratch/pod.yaml" "$guest" "$1" <<'PY'
import re, resource, subprocess, sys
peapod, pod, guest, count = sys.argv[1:]
text = open(pod).read()
text = re.sub(r'args: \["send".*\]\}', f'args: [many, "127.0.0.1:7000", "{count}", "0.2"]}}', text)
open(pod, 'w').write(text)
subprocess.run([peapod, 'run', pod], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PY
}
few=$(peak_of 1) lots=$(peak_of "$connections")
row "one of $connections open connections, both ends" "$(awk "BEGIN { printf \"%.1f KiB\", ($lots - $few) / $connections }")" - - -
