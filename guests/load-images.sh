#!/usr/bin/env bash
# Loads the sample images of images/images.txt into peapod's store, under the names the sample manifests use.
#
#   PEAPOD=target/release/peapod load-images.sh     with that peapod; without PEAPOD the one in PATH
#
# guests/build.sh comes first. Loading again what is there already changes nothing.
set -euo pipefail

guests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peapod=${PEAPOD:-peapod}
table=$guests/images/images.txt

die() { printf 'load-images: %s\n' "$*" >&2; exit 1; }
command -v "$peapod" >/dev/null 2>&1 || die "no $peapod here; PEAPOD names it"

while read -r name component rootfs words; do
  case $name in '' | '#'*) continue ;; esac
  file=$guests/dist/$component.wasm
  [ -f "$file" ] || die "$file is missing: run guests/build.sh first"
  args=(--compile "$name" "$file")
  if [ "$rootfs" != - ]; then
    [ -d "$guests/dist/rootfs/$rootfs" ] || die "$guests/dist/rootfs/$rootfs is missing: run guests/build.sh first"
    args+=(--rootfs "$guests/dist/rootfs/$rootfs")
  fi
  read -r -a cmd <<<"$words"
  # What stands before a lone -- is the entrypoint.
  option=--cmd
  case " $words " in *' -- '*) option=--entrypoint ;; esac
  for word in ${cmd[@]+"${cmd[@]}"}; do
    if [ "$word" = -- ]; then option=--cmd; else args+=("$option" "$word"); fi
  done
  # The table is this loop's standard input; a program that reads its own must not eat it.
  "$peapod" image load "${args[@]}" </dev/null || die "$name could not be loaded"
done <"$table"
