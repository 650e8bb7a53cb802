#!/usr/bin/env bash
# Makes a C compiler for wasm32-wasip2 available for the guests in C: clang with its runtime library, and wasi-libc.
#
# It may be run again and again: what is there already stays. What was found is left in guests/.toolchain/c, for build.sh. Where it cannot be
# had it says what is missing and fails; build.sh does without those guests then, except under CI.
#
#   WASI_SDK_PATH=…   take that wasi-sdk, on systems other than Debian
set -euo pipefail

guests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=guests/setup-common.sh
. "$guests/setup-common.sh"

# Debian 12 and 13 both have it, and it is the oldest that knows the target.
clang_version=19

record() {
  mkdir -p "$toolchain"
  printf "%s='%s'\n" c_compiler "$compiler" c_include "$include" c_lib "$lib" c_builtins "$builtins" \
    c_linker "$linker" c_wasm_ld_dir "$wasm_ld_dir" >"$toolchain/c.new"
  mv "$toolchain/c.new" "$toolchain/c"
}

# The compiler's library for what wasm has no instruction for, such as long double.
builtins_of() {
  local dir file
  dir=$("$1" -print-resource-dir 2>/dev/null) || return 1
  for file in "$dir/lib/wasi/libclang_rt.builtins-wasm32.a" "$dir/lib/$target/libclang_rt.builtins.a" "$dir/lib/wasm32-unknown-wasip2/libclang_rt.builtins.a"; do
    if [ -f "$file" ]; then
      builtins=$file
      return 0
    fi
  done
  return 1
}

by_sdk() {
  local root=$WASI_SDK_PATH
  compiler=$root/bin/clang
  [ -x "$compiler" ] || die "bin/clang in WASI_SDK_PATH"
  include=$root/share/wasi-sysroot/include/$target
  lib=$root/share/wasi-sysroot/lib/$target
  [ -f "$lib/libc.a" ] || die "libc.a for $target in WASI_SDK_PATH" "wasi-sdk 22 and newer have it"
  builtins_of "$compiler" || die "libclang_rt.builtins for wasm32 in WASI_SDK_PATH"
  PATH=$root/bin:$PATH
  find_linkers
  record
  say "C by wasi-sdk: $("$compiler" --version | head -n 1)"
}

by_debian() {
  on_debian || die "a C compiler for $target" \
    "set WASI_SDK_PATH to a wasi-sdk (https://github.com/WebAssembly/wasi-sdk)" \
    "the other way this script knows needs Debian, with apt-get and dpkg"
  apt_install "clang-$clang_version" "libclang-rt-$clang_version-dev-wasm32" ||
    die "the Debian packages clang-$clang_version and libclang-rt-$clang_version-dev-wasm32" "apt's own words: $toolchain/apt.log"
  compiler=$(command -v "clang-$clang_version") || die "clang-$clang_version in PATH"
  builtins_of "$compiler" || die "libclang_rt.builtins for wasm32 of libclang-rt-$clang_version-dev-wasm32"
  mkdir -p "$toolchain"
  install_wasi_libc
  include=$toolchain/usr/include/$target
  lib=$toolchain/usr/lib/$target
  [ -f "$include/stdio.h" ] || die "the headers of wasi-libc" "remove $toolchain/usr and run this again"
  find_linkers
  record
  say "C by Debian: $("$compiler" --version | head -n 1)"
}

compiler='' include='' lib='' builtins='' linker='' wasm_ld_dir=''
if [ -n "${WASI_SDK_PATH:-}" ]; then by_sdk; else by_debian; fi
