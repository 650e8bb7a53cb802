#!/usr/bin/env bash
# Builds the guests and leaves them as guests/dist/NAME.wasm; prints a line per image with its size.
#
#   build.sh             all of them
#   build.sh NAME…       only these
#
# With them, the root folders of images that need files besides their component: guests/dist/rootfs/IMAGE.
# A file in dist/ is only replaced when its content changed: the host keeps compiled code by content, and `just` by time.
set -euo pipefail

guests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dist=$guests/dist
target=wasm32-wasip2

# Guests written as text; each is NAME/NAME.wat.
texts=(preview1 needs-missing)
# Crates that are no guests: libraries and the build's own tool.
no_guests=(command nettools pack pod web)
# The guest written in Python.
python=python-net
# Guests written in C; each is c/samples/NAME.c.
c_samples=(posix-mq posix-check)

die() { printf 'build: %s\n' "$*" >&2; exit 1; }
is_in() {
  local it=$1
  shift
  case " $* " in *" $it "*) return 0 ;; *) return 1 ;; esac
}

"$guests/setup-target.sh"
way='' linker='' wasm_ld_dir='' wasi_libc=''
# shellcheck source=/dev/null
. "$guests/.toolchain/way"
mkdir -p "$dist"
cd "$guests"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What the host builds must not steer the guests' build: a RUSTFLAGS or a target set for it would break this one.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET

# cargo for the target, by the way that was found.
guest_cargo() {
  if [ "$way" = debian ]; then
    # std is built along, so that this way keeps a target folder of its own.
    PATH=$wasm_ld_dir:$PATH RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$guests/.toolchain/target \
      CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS="-Clink-self-contained=no -Lnative=$wasi_libc -Clink-arg=$wasi_libc/crt1-command.o -Clinker=$linker --cfg tokio_unstable" \
      /usr/bin/cargo build --release -Zbuild-std=std,panic_abort --target "$target" --message-format=json-render-diagnostics "$@"
  else
    CARGO_TARGET_DIR=$guests/target \
      cargo build --release --target "$target" --message-format=json-render-diagnostics "$@"
  fi
}

# The .wasm files a build says it made, whether just now or before.
made() {
  sed -n 's/.*"reason":"compiler-artifact".*"filenames":\["\([^"]*\/release\/[^"/]*\.wasm\)".*/\1/p' "$1"
}

# Runs a build that may fail, keeping what it says it made.
build() {
  guest_cargo "$@" >"$work/messages" || die "cargo failed (the $way way)"
  made "$work/messages" >>"$work/made"
}

# The tool for what cargo does not make; it runs here, so it is built by the machine's own cargo whatever the way.
pack() {
  CARGO_TARGET_DIR=$guests/target cargo run --quiet --release -p pack -- "$@" || die "pack $* failed"
}

# Puts a file somewhere, unless the same is there. Whoever reads it meanwhile sees the old one or the new one, never a half.
put() {
  if ! cmp -s "$1" "$2"; then
    mkdir -p "$(dirname "$2")"
    cp -p "$1" "$2.new.$$"
    mv "$2.new.$$" "$2"
  fi
}

# Puts a guest into dist/ under a name.
place() {
  local to=$dist/$2
  put "$1" "$to"
  printf '%-16s %8s KiB\n' "${2%.wasm}" "$((($(wc -c <"$to") + 1023) / 1024))"
}

# --- which ------------------------------------------------------------------------------------------------------------------------

: >"$work/made"
# Always the whole workspace, and of it the wanted targets: cargo joins the features of what is selected, so that building a guest alone
# would make other bytes of it than building it with the others.
selection=(--workspace)
for crate in "${no_guests[@]}"; do
  # The library of peapod:pod is called otherwise than its folder.
  if [ "$crate" = pod ]; then crate=peapod-guest; fi
  selection+=(--exclude "$crate")
done
wanted_texts=() wants_python= wanted_c=()
if [ $# -eq 0 ]; then
  build "${selection[@]}"
  wanted_texts=("${texts[@]}")
  wants_python=1
  wanted_c=("${c_samples[@]}")
else
  targets=()
  for name in "$@"; do
    if is_in "$name" "${texts[@]}"; then
      wanted_texts+=("$name")
    elif [ "$name" = "$python" ]; then
      wants_python=1
    elif is_in "$name" "${c_samples[@]}"; then
      wanted_c+=("$name")
    elif [ -f "behaviours/src/bin/$name.rs" ]; then
      targets+=(--bin "$name")
    elif [ -f "$name/src/main.rs" ] && ! is_in "$name" "${no_guests[@]}"; then
      targets+=(--bin "$name")
    elif [ -f "$name/src/lib.rs" ] && ! is_in "$name" "${no_guests[@]}" behaviours; then
      targets+=(--lib)
    else
      die "no guest is called $name"
    fi
  done
  if [ ${#targets[@]} -gt 0 ]; then build "${selection[@]}" "${targets[@]}"; fi
fi

# --- dist/ ------------------------------------------------------------------------------------------------------------------------

mkdir -p "$work/root"
sort -u "$work/made" >"$work/files"
while read -r file; do
  name=$(basename "$file")
  # A library's file is named as its crate is inside Rust.
  place "$file" "${name//_/-}"
done <"$work/files"
for name in ${wanted_texts[@]+"${wanted_texts[@]}"}; do
  pack wat "$name/$name.wat" "$work/$name.wasm"
  place "$work/$name.wasm" "$name.wasm"
done

# --- Python -----------------------------------------------------------------------------------------------------------------------

# WASI's own interfaces, as the crate of the Rust guests carries them.
wasi_interfaces() {
  cargo metadata --format-version 1 --locked --filter-platform "$target" | python3 -c '
import json, os, sys
print(*(os.path.join(os.path.dirname(p["manifest_path"]), "wit") for p in json.load(sys.stdin)["packages"] if p["name"] == "wasip2"))'
}

build_python() {
  local wit version made_of
  "$guests/setup-python.sh" || return 1
  wit=$(wasi_interfaces) && [ -d "$wit/deps" ] || { printf 'build: no interfaces of WASI in the crate wasip2\n' >&2; return 1; }
  version=$(sed -n 's/^package wasi:cli@\(.*\);$/\1/p' "$wit/deps/cli.wit")
  # It takes ten seconds and more, so it is only done where something has changed.
  made_of=$(cat python/app.py setup-python.sh "$wit"/*.wit "$wit"/deps/*.wit | sha256sum)
  if [ ! -f "$dist/$python.wasm" ] || [ "$made_of" != "$(cat .toolchain/python/made-of 2>/dev/null)" ]; then
    # It is made where its modules are, and leaves their caches there.
    mkdir -p "$work/python"
    cp python/app.py "$work/python"
    (cd "$work/python" &&
      "$guests/.toolchain/python/bin/componentize-py" -d "$wit" -w "wasi:cli/command@$version" componentize app -o "$work/$python.wasm") \
      >"$work/messages" 2>&1 || { cat "$work/messages" >&2; return 1; }
    put "$work/$python.wasm" "$dist/$python.wasm"
    printf '%s\n' "$made_of" >.toolchain/python/made-of
  fi
  place "$dist/$python.wasm" "$python.wasm"
}

if [ -n "$wants_python" ] && ! build_python; then
  # The others are of use without it, but nobody may believe it tested.
  if [ "${CI:-}" = true ] || [ $# -gt 0 ]; then die "$python could not be built"; fi
  printf 'build: %s could not be built, and is left out\n' "$python" >&2
fi

# --- C ----------------------------------------------------------------------------------------------------------------------------

# POSIX's names over peapod:pod are a few objects, linked into every guest in C; `wit-bindgen` makes what they call.
build_c() {
  local objects=$work/c file name common c_compiler c_include c_lib c_builtins c_linker c_wasm_ld_dir
  "$guests/setup-c.sh" || return 1
  # shellcheck source=/dev/null
  . "$guests/.toolchain/c"
  mkdir -p "$objects"
  pack c-bindings wit communication "$objects"
  # Its own headers come before the C library's, which may have the same names without anything behind them.
  common=(--target="$target" -O2 -ffunction-sections -fdata-sections -nostdlibinc -Ic/include -isystem "$c_include" -I"$objects" -c)
  "$c_compiler" "${common[@]}" "$objects/communication.c" -o "$objects/communication.o" || return 1
  for file in c/src/*.c; do
    "$c_compiler" "${common[@]}" -Wall -Wextra -Werror "$file" -o "$objects/$(basename "$file" .c).o" || return 1
  done
  for name in "$@"; do
    "$c_compiler" "${common[@]}" -Wall -Wextra -Werror "c/samples/$name.c" -o "$work/$name.o" || return 1
    PATH=$c_wasm_ld_dir:$PATH "$c_linker" "$c_lib/crt1-command.o" "$work/$name.o" "$objects"/*.o -L"$c_lib" -lc "$c_builtins" \
      --gc-sections -s -o "$work/$name.wasm" || return 1
    place "$work/$name.wasm" "$name.wasm"
  done
}

if [ ${#wanted_c[@]} -gt 0 ] && ! build_c "${wanted_c[@]}"; then
  if [ "${CI:-}" = true ] || [ $# -gt 0 ]; then die "${wanted_c[*]} could not be built"; fi
  printf 'build: %s could not be built, and are left out\n' "${wanted_c[*]}" >&2
fi

# --- root folders -----------------------------------------------------------------------------------------------------------------

# Made anew beside the old one, and then file by file into its place; what is no longer in it goes.
root_folder() {
  local name=$1 new=$work/root/$1 old=$dist/rootfs/$1 file
  while IFS= read -r -d '' file; do put "$new/$file" "$old/$file"; done < <(cd "$new" && find . -type f -print0)
  while IFS= read -r -d '' file; do
    [ -e "$new/$file" ] || rm "$old/$file"
  done < <(cd "$old" && find . -type f -print0)
}

# What an image has besides its component, as images/NAME/rootfs holds it.
files_of() {
  mkdir -p "$work/root/$1"
  cp -Rp "images/$1/rootfs/." "$work/root/$1"
}

if [ $# -eq 0 ] || is_in nginx "$@"; then
  files_of nginx
  root_folder nginx
fi
if [ $# -eq 0 ] || is_in tomcat "$@"; then
  files_of tomcat
  mkdir -p "$work/root/tomcat/usr/local/bin"
  cp "$dist/tomcat.wasm" "$work/root/tomcat/usr/local/bin/tomcat"
  chmod 755 "$work/root/tomcat/usr/local/bin/tomcat"
  root_folder tomcat
fi
if [ $# -eq 0 ] || is_in busybox "$@"; then
  mkdir -p "$work/root/curl"
  cp -Rp images/curl/rootfs/. "$work/root/curl"
  root_folder curl
fi
if [ $# -eq 0 ]; then
  mkdir -p "$work/root/sample"
  pack war images/sample/war "$work/root/sample/sample.war"
  root_folder sample
fi
