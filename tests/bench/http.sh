#!/usr/bin/env bash
# Requests a second of one component that answers `hello`: through a hostPort of peapod, and under `wasmtime serve` with its pooling
# allocator. Both in this run, in turns, by the same load tool; what counts is the ratio of the medians.
#
#   tests/bench/http.sh             needs wrk (a package of most systems), curl and wasmtime (cargo install wasmtime-cli --version 48.0.8),
#                                   guests/build.sh and `cargo build --release` before it
#   WASMTIME=path PEAPOD=path       which programs
#   ROUNDS=5 SECONDS_EACH=10 CONNECTIONS=64 THREADS=2
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

peapod=${PEAPOD:-$PWD/target/release/peapod}
wasmtime=${WASMTIME:-wasmtime}
rounds=${ROUNDS:-5} each=${SECONDS_EACH:-10} connections=${CONNECTIONS:-64} threads=${THREADS:-2}
guest=$PWD/guests/dist/http-hello.wasm
for tool in wrk curl python3 "$wasmtime" "$peapod"; do
  command -v "$tool" >/dev/null || { echo "http.sh: no $tool here" >&2; exit 1; }
done

scratch=$(mktemp -d)
started=()
end() {
  for pid in ${started[@]+"${started[@]}"}; do kill -INT "$pid" 2>/dev/null || true; done
  for pid in ${started[@]+"${started[@]}"}; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap end EXIT
export PEAPOD_DATA_DIR=$scratch/data
unset RUST_BACKTRACE

free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
mine=$(free_port) theirs=$(free_port)

cat >"$scratch/pod.yaml" <<YAML
apiVersion: v1
kind: Pod
metadata: {name: hello}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: hello
    image: $guest
    ports: [{containerPort: 8080, hostPort: $mine}]
YAML
"$peapod" run "$scratch/pod.yaml" >"$scratch/peapod.log" 2>&1 &
started+=($!)
"$wasmtime" serve -S cli -O pooling-allocator --addr "127.0.0.1:$theirs" "$guest" >"$scratch/wasmtime.log" 2>&1 &
started+=($!)

up() { # PORT LOG
  for _ in $(seq 300); do
    [ "$(curl -s -m 1 "http://127.0.0.1:$1/")" = hello ] && return
    sleep 0.1
  done
  echo "http.sh: nothing answers on port $1" >&2
  cat "$2" >&2
  exit 1
}
up "$mine" "$scratch/peapod.log"
up "$theirs" "$scratch/wasmtime.log"

load() { # PORT SECONDS: prints requests a second
  wrk -t "$threads" -c "$connections" -d "${2}s" --latency "http://127.0.0.1:$1/" >"$scratch/wrk"
  if grep -E 'Non-2xx|Socket errors' "$scratch/wrk" >&2; then echo "http.sh: port $1 answered badly" >&2; exit 1; fi
  awk '/Requests\/sec/ {print $2}' "$scratch/wrk"
}
load "$mine" 2 >/dev/null
load "$theirs" 2 >/dev/null
for _ in $(seq "$rounds"); do
  load "$mine" "$each" >>"$scratch/mine"
  load "$theirs" "$each" >>"$scratch/theirs"
done

python3 - "$scratch/mine" "$scratch/theirs" <<'PY'
import statistics, sys
mine, theirs = (statistics.median(float(line) for line in open(path)) for path in sys.argv[1:])
print(f"{'wasi:http hello, requests a second':64} {mine:10.0f} {theirs:10.0f} {mine/theirs:8.2f}   >= 1")
PY
