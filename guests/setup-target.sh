#!/usr/bin/env bash
# Makes the wasm32-wasip2 target of Rust available for the guests.
#
# First the usual way: `rustup target add wasm32-wasip2`. Where rustup is missing or cannot reach its servers, the Debian way: a rustc with
# its std's source from Debian's packages, and wasi-libc from Debian forky or sid, so that cargo builds std itself.
#
# It may be run again and again: what is there already stays. The way that was found is left in guests/.toolchain/way, for build.sh.
#
#   PEAPOD_TARGET_FROM=rustup|debian   try that way only
set -euo pipefail

guests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=guests/setup-common.sh
. "$guests/setup-common.sh"

# Writes the way for build.sh, as shell assignments.
record() {
  mkdir -p "$toolchain"
  printf '%s\n' "$@" >"$toolchain/way.new"
  mv "$toolchain/way.new" "$toolchain/way"
}

# The std of the target is installed for the rustc that cargo will use, whoever installed it.
target_present() {
  local dir
  have rustc || return 1
  dir=$(rustc --print target-libdir --target "$target" 2>/dev/null) || return 1
  compgen -G "$dir/libstd-*.rlib" >/dev/null
}

by_rustup() {
  if target_present; then
    say "$target is there already ($(rustc --version))"
  else
    have rustup || { say "no rustup here"; return 1; }
    say "rustup target add $target"
    rustup target add "$target" >&2 || { say "rustup could not add $target"; return 1; }
    target_present || { say "rustup added $target, but the rustc in PATH does not see it"; return 1; }
  fi
  record "way=rustup"
}

# --- the Debian way ---------------------------------------------------------------------------------------------------------------

by_debian() {
  on_debian || die "the Rust target $target" \
    "install it by rustup (https://rustup.rs): rustup target add $target" \
    "the other way this script knows needs Debian, with apt-get and dpkg"
  mkdir -p "$toolchain"
  apt_install rustc-web cargo-web rust-web-src ||
    die "the Debian packages rustc-web, cargo-web and rust-web-src" \
      "they are in Debian 12's security archive; apt's own words: $toolchain/apt.log" \
      "or install the target by rustup: rustup target add $target"
  { [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ]; } || die "/usr/bin/rustc and /usr/bin/cargo of rustc-web and cargo-web"
  install_wasi_libc
  find_linkers
  record "way=debian" "linker='$linker'" "wasm_ld_dir='$wasm_ld_dir'" "wasi_libc='$toolchain/usr/lib/$target'"
  say "$target by Debian: $(/usr/bin/rustc --version | cut -d' ' -f1,2), std is built with the guests"
}

case ${PEAPOD_TARGET_FROM:-} in
  '') by_rustup || { say "trying the Debian way"; by_debian; } ;;
  rustup) by_rustup || die "the Rust target $target by rustup" "https://rustup.rs, then: rustup target add $target" ;;
  debian) by_debian ;;
  *) die "a way called ${PEAPOD_TARGET_FROM}" "PEAPOD_TARGET_FROM is rustup or debian" ;;
esac
