#!/usr/bin/env bash
# Messages of 64 bytes a second through a queue of ten: two containers of a pod against two native processes over POSIX mq, by turns, each the
# median of its runs. Needs a C compiler for the peer.
#
#   ipc.sh                                     prints "peapod NUMBER", "native NUMBER" and "ratio NUMBER"
#   PEAPOD=path COUNT=2000000 RUNS=5 CC=cc     which peapod, how many messages, how many runs of each
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peapod=${PEAPOD:-$here/../../target/release/peapod}
count=${COUNT:-2000000} runs=${RUNS:-5}
guest=$here/../../guests/dist/queue-bench.wasm
for file in "$peapod" "$guest"; do
  [ -f "$file" ] || { echo "ipc.sh: $file is missing" >&2; exit 1; }
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PEAPOD_DATA_DIR=$scratch/data
"${CC:-cc}" -O2 -o "$scratch/native" "$here/posix-mq.c" -lrt
cat >"$scratch/pod.yaml" <<YAML
apiVersion: v1
kind: Pod
metadata: {name: ipc}
spec:
  restartPolicy: Never
  containers:
  - {name: consumer, image: $guest, args: [consume, "$count"]}
  - {name: producer, image: $guest, args: [produce, "$count", "64"]}
YAML

for _ in $(seq "$runs"); do
  "$peapod" run "$scratch/pod.yaml" 2>/dev/null | grep -o '[0-9]* messages/s' | cut -d' ' -f1 >>"$scratch/peapod"
  "$scratch/native" "$count" 64 | cut -d' ' -f1 >>"$scratch/theirs"
done
median() { sort -n "$1" | sed -n "$(((runs + 1) / 2))p"; }
mine=$(median "$scratch/peapod") theirs=$(median "$scratch/theirs")
printf 'peapod %s\nnative %s\nratio %s\n' "$mine" "$theirs" "$(awk "BEGIN { printf \"%.2f\", $mine / $theirs }")"
