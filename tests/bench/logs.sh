#!/usr/bin/env bash
# MB/s of a guest that floods its standard output: `peapod run` with its log files, printing to a file, against the same component under
# wasmtime writing to a file, by turns, each the median of its runs. Then the two kinds of reading, and what the files cost: another peapod.
#
#   logs.sh                                  prints a table
#   PEAPOD=path WASMTIME=path MIB=64 RUNS=7  which programs, how much, how many runs of each
#   BEFORE=path                              another peapod to compare with, e.g. one that keeps no files
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peapod=${PEAPOD:-$here/../../target/release/peapod} wasmtime=${WASMTIME:-wasmtime}
mib=${MIB:-64} runs=${RUNS:-7}
guest=$here/../../guests/dist/flood.wasm
for file in "$peapod" "$guest"; do
  [ -f "$file" ] || { echo "logs.sh: $file is missing" >&2; exit 1; }
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PEAPOD_DATA_DIR=$scratch/data
pod() { # FILE MIB
  cat >"$1" <<YAML
apiVersion: v1
kind: Pod
metadata: {name: flood}
spec:
  restartPolicy: Never
  containers:
  - {name: c, image: $guest, args: ["$2"]}
YAML
}
pod "$scratch/full.yaml" "$mib"
pod "$scratch/empty.yaml" 0
printf '[cache]\n' >"$scratch/wasmtime.toml"

seconds() { # COMMAND…: how long it takes, its output going to a file
  python3 -c 'import subprocess,sys,time
with open(sys.argv[1], "wb") as out:
    start = time.monotonic()
    subprocess.run(sys.argv[2:], stdout=out, check=True)
    print(time.monotonic() - start)' "$scratch/out" "$@"
}
median() { sort -n "$1" | sed -n "$(((runs + 1) / 2))p"; }
mine() { seconds "$1" run "$scratch/$2.yaml"; }
theirs() { seconds "$wasmtime" run -C cache=y -C "cache-config=$scratch/wasmtime.toml" "$guest" "$1"; }
logs() { seconds "$peapod" logs flood; }

have_wasmtime=$(command -v "$wasmtime" || true)
for _ in $(seq "$((runs + 1))"); do
  mine "$peapod" full >>"$scratch/mine.full"
  logs >>"$scratch/logs.full"
  mine "$peapod" empty >>"$scratch/mine.empty"
  if [ -n "$have_wasmtime" ]; then
    theirs "$mib" >>"$scratch/theirs.full"
    theirs 0 >>"$scratch/theirs.empty"
  fi
  if [ -n "${BEFORE:-}" ]; then
    mine "$BEFORE" full >>"$scratch/before.full"
    mine "$BEFORE" empty >>"$scratch/before.empty"
  fi
done
rate() { # NAME: MB/s, without the time of an empty run
  [ -f "$scratch/$1.full" ] || { echo -; return; }
  local full empty=0
  # The first run of each compiles.
  sed -i 1d "$scratch/$1.full"
  full=$(median "$scratch/$1.full")
  if [ -f "$scratch/$1.empty" ]; then sed -i 1d "$scratch/$1.empty"; empty=$(median "$scratch/$1.empty"); fi
  awk "BEGIN { printf \"%.0f\", $mib * 1.048576 / ($full - $empty) }"
}
row() { printf '%-64s %10s %10s %8s   %s\n' "$@"; }
mine=$(rate mine) theirs=$(rate theirs) before=$(rate before) logs=$(rate logs)
ratio() { [ "$1" = - ] || [ "$2" = - ] && echo - || awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }
row "a container that floods its output, kept in files (MB/s)" "$mine" "$theirs" "$(ratio "$mine" "$theirs")" -
row "peapod logs of it (MB/s)" "$logs" - - -
[ -z "${BEFORE:-}" ] || row "the same flood by $BEFORE (MB/s)" "$before" - "$(ratio "$mine" "$before")" -
