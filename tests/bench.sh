#!/usr/bin/env bash
# Measures peapod against wasmtime's own command line, both in this run and on the same files, and prints ratios of medians. Machines
# differ and are noisy: the ratios mean something, the milliseconds hardly.
#
#   just bench              needs hyperfine (a package of most systems) and wasmtime (cargo install wasmtime-cli --version 48.0.8)
#   WASMTIME=path RUNS=50   which wasmtime, how many runs of each
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

peapod=$PWD/target/release/peapod
wasmtime=${WASMTIME:-wasmtime}
runs=${RUNS:-50}
hello=$PWD/guests/dist/hello.wasm
for tool in hyperfine "$wasmtime" python3; do
  command -v "$tool" >/dev/null || { echo "bench: no $tool here" >&2; exit 1; }
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PEAPOD_DATA_DIR=$scratch/data
unset RUST_BACKTRACE

pod() { # NAME CONTAINERS: a pod of that many hello containers
  printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  restartPolicy: Never\n  containers:\n' "$1"
  for n in $(seq "$2"); do printf '  - {name: c%s, image: %s}\n' "$n" "$hello"; done
}
pod one 1 >"$scratch/one.yaml"
pod two 2 >"$scratch/two.yaml"
for n in $(seq 500); do pod "p$n" 2; echo ---; done >"$scratch/many.yaml"

# Both keep compiled code between runs; the first run of each fills that cache.
printf '[cache]\n' >"$scratch/wasmtime.toml"
cached=(run -C cache=y -C "cache-config=$scratch/wasmtime.toml")
"$wasmtime" "${cached[@]}" "$hello" >/dev/null
"$peapod" run "$scratch/one.yaml" >/dev/null

median() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["results"][int(sys.argv[2])]["median"])' "$1" "$2"; }
ratio() { python3 -c 'import sys; print(f"{float(sys.argv[1])/float(sys.argv[2]):.2f}")' "$1" "$2"; }
row() { printf '%-64s %10s %10s %8s   %s\n' "$@"; }

quiet=(--style none --warmup 5 --runs "$runs" -N)
hyperfine "${quiet[@]}" --export-json "$scratch/one.json" \
  "$peapod run $scratch/one.yaml" "$wasmtime ${cached[*]} $hello" >/dev/null 2>&1
hyperfine --style none --warmup 5 --runs "$runs" --shell sh --export-json "$scratch/two.json" \
  "$peapod run $scratch/two.yaml" "$wasmtime ${cached[*]} $hello; $wasmtime ${cached[*]} $hello" >/dev/null 2>&1
hyperfine --style none --warmup 1 --runs 5 -N --export-json "$scratch/many.json" \
  "$peapod run $scratch/many.yaml" >/dev/null 2>&1

peak() { # median of the peak resident memory of 15 runs, in KiB
  for _ in $(seq 15); do
    python3 -c 'import resource,subprocess,sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@"
  done | sort -n | sed -n 8p
}
mine_kib=$(peak "$peapod" run "$scratch/one.yaml")
theirs_kib=$(peak "$wasmtime" "${cached[@]}" "$hello")

ms() { python3 -c 'import sys; print(f"{float(sys.argv[1])*1000:.1f} ms")' "$1"; }
one=$(median "$scratch/one.json" 0) wt=$(median "$scratch/one.json" 1)
two=$(median "$scratch/two.json" 0) wt2=$(median "$scratch/two.json" 1)
many=$(median "$scratch/many.json" 0)

row 'what' peapod wasmtime ratio goal
row 'run hello, warm cache, wall time' "$(ms "$one")" "$(ms "$wt")" "$(ratio "$one" "$wt")" '<= 1.2'
row 'run hello, warm cache, peak memory' "$((mine_kib / 1024)) MiB" "$((theirs_kib / 1024)) MiB" "$(ratio "$mine_kib" "$theirs_kib")" '<= 1.3'
row 'two containers in one pod / two runs in sequence, wall time' "$(ms "$two")" "$(ms "$wt2")" "$(ratio "$two" "$wt2")" '< 1'
row 'containers a second in one host (500 pods of two)' "$(python3 -c "print(round(1000/$many))")" - - '>= 1000'

cat >"$scratch/shell.yaml" <<YAML
apiVersion: v1
kind: Pod
metadata: {name: shell}
spec:
  restartPolicy: Never
  containers:
  - name: c
    image: $PWD/guests/dist/busybox.wasm
    command: [sh, -c, 'n=0; while [ \$n -lt 1000 ]; do /bin/true; n=\$((n+1)); done']
YAML
"$peapod" run "$scratch/shell.yaml"
hyperfine --style none --warmup 1 --runs 10 -N --export-json "$scratch/shell.json" "$peapod run $scratch/shell.yaml" >/dev/null 2>&1
shell=$(median "$scratch/shell.json" 0)
row '1,000 processes spawned by a shell loop' "$(ms "$shell")" - - '< 1 s'
