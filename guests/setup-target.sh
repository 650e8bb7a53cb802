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
toolchain=$guests/.toolchain
target=wasm32-wasip2

# The setup runs inside `just demo`: a person must see which part of it is speaking, and standard output stays free for results.
say() { printf 'setup-target: %s\n' "$*" >&2; }
die() {
  printf 'setup-target: missing: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf 'setup-target:   %s\n' "$@" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

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

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    die "root rights to install Debian packages" "run as root: apt-get install rustc-web cargo-web rust-web-src"
  fi
}

# The Debian mirror this machine uses already, from apt's sources: deb822 (URIs: …) and one-line (deb [options] URI suite …). A mirror may be
# private, so its address is neither printed nor kept. The security archive is another tree and does not carry forky or sid.
mirrors() {
  local files=()
  [ -r /etc/apt/sources.list ] && files+=(/etc/apt/sources.list)
  local f
  for f in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list; do
    [ -r "$f" ] && files+=("$f")
  done
  [ ${#files[@]} -gt 0 ] || return 0
  awk '
    /^[ \t]*#/ { next }
    tolower($1) == "uris:" { for (i = 2; i <= NF; i++) print $i }
    $1 == "deb" {
      i = 2
      if ($i ~ /^\[/) { while (i <= NF && $i !~ /\]$/) i++; i++ }
      print $i
    }
  ' "${files[@]}" | sed 's,/*$,,' | grep -E '^https?://.*/debian$' | awk '!seen[$0]++'
}

# A failure is told without curl's or wget's own words: they name the mirror.
download() {
  if have curl; then
    curl -fsSL --retry 2 --max-time 600 "$1" -o "$2" 2>/dev/null
  else
    wget -q --tries=3 --timeout=60 "$1" -O "$2" 2>/dev/null
  fi
}

# Prints "Filename SHA256" of package $1 in the Packages index $2.
in_index() {
  awk -v want="$1" '
    BEGIN { RS = ""; FS = "\n" }
    {
      name = file = sum = ""
      for (i = 1; i <= NF; i++) {
        if ($i ~ /^Package: /) name = substr($i, 10)
        else if ($i ~ /^Filename: /) file = substr($i, 11)
        else if ($i ~ /^SHA256: /) sum = substr($i, 9)
      }
      if (name == want) { print file, sum; exit }
    }
  ' "$2"
}

install_packages() {
  local need=() p
  for p in rustc-web cargo-web rust-web-src; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || need+=("$p")
  done
  if [ ${#need[@]} -eq 0 ]; then
    say "Debian's rustc-web, cargo-web and rust-web-src are there already"
    return 0
  fi
  say "apt-get install ${need[*]}"
  # A fresh image has no package lists: the update is only made when the plain install fails, for it costs most of the time.
  if ! as_root apt-get install -y --no-install-recommends "${need[@]}" >"$toolchain/apt.log" 2>&1; then
    as_root apt-get update >>"$toolchain/apt.log" 2>&1 || true
    as_root apt-get install -y --no-install-recommends "${need[@]}" >>"$toolchain/apt.log" 2>&1 ||
      die "the Debian packages ${need[*]}" \
        "they are in Debian 12's security archive; apt's own words: $toolchain/apt.log" \
        "or install the target by rustup: rustup target add $target"
  fi
}

install_wasi_libc() {
  local lib=$toolchain/usr/lib/$target
  if [ -f "$lib/libc.a" ] && [ -f "$lib/crt1-command.o" ]; then
    say "wasi-libc is there already"
    return 0
  fi
  have curl || have wget || die "curl or wget, to fetch wasi-libc" "apt-get install curl"
  local suite mirror file sum found=
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  local all=()
  mapfile -t all < <(mirrors)
  [ ${#all[@]} -gt 0 ] || die "a Debian mirror in apt's sources" \
    "wasi-libc of Debian forky is needed: fetch its .deb by hand and run: dpkg -x wasi-libc_*_all.deb $toolchain"
  for mirror in "${all[@]}"; do
    for suite in forky sid; do
      if have xz && download "$mirror/dists/$suite/main/binary-all/Packages.xz" "$work/index.xz"; then
        xz -dc "$work/index.xz" >"$work/index"
      elif have xz && download "$mirror/dists/$suite/main/binary-amd64/Packages.xz" "$work/index.xz"; then
        xz -dc "$work/index.xz" >"$work/index"
      elif download "$mirror/dists/$suite/main/binary-amd64/Packages.gz" "$work/index.gz"; then
        gzip -dc "$work/index.gz" >"$work/index"
      else
        say "this machine's mirror does not serve $suite"
        continue
      fi
      read -r file sum < <(in_index wasi-libc "$work/index") || true
      if [ -z "${file:-}" ] || [ -z "${sum:-}" ]; then
        say "no wasi-libc in $suite"
        continue
      fi
      say "fetching $(basename "$file") of Debian $suite"
      download "$mirror/$file" "$work/wasi-libc.deb" || { say "it could not be fetched"; continue; }
      if ! printf '%s  %s\n' "$sum" "$work/wasi-libc.deb" | sha256sum --check --status; then
        say "its SHA256 is not the one in $suite's index; not used"
        continue
      fi
      found=$suite
      break 2
    done
  done
  [ -n "$found" ] || die "wasi-libc of Debian forky or sid" \
    "fetch its .deb by hand and run: dpkg -x wasi-libc_*_all.deb $toolchain"
  dpkg -x "$work/wasi-libc.deb" "$toolchain"
  [ -f "$lib/libc.a" ] || die "libc.a for $target in Debian $found's wasi-libc" "it was there in 0.0~git20260423"
}

# The linkers: in the toolchain of rustup, or on PATH.
find_linkers() {
  local sysroot host dir
  linker='' wasm_ld_dir=''
  if have rustc; then
    sysroot=$(rustc --print sysroot)
    host=$(rustc -vV | sed -n 's/^host: //p')
    dir=$sysroot/lib/rustlib/$host/bin
    [ -x "$dir/wasm-component-ld" ] && linker=$dir/wasm-component-ld
    [ -x "$dir/gcc-ld/wasm-ld" ] && wasm_ld_dir=$dir/gcc-ld
  fi
  [ -n "$linker" ] || linker=$(command -v wasm-component-ld || true)
  [ -n "$linker" ] || die "wasm-component-ld" "rustup's toolchain carries it, or: cargo install wasm-component-ld"
  if [ -z "$wasm_ld_dir" ]; then
    have wasm-ld || die "wasm-ld" "rustup's toolchain carries it as gcc-ld/wasm-ld, or: apt-get install lld"
    wasm_ld_dir=$(dirname "$(command -v wasm-ld)")
  fi
}

by_debian() {
  local id
  id=$(sed -n 's/^ID="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release 2>/dev/null || true)
  [ "$id" = debian ] || die "the Rust target $target" \
    "install it by rustup (https://rustup.rs): rustup target add $target" \
    "the other way this script knows needs Debian; this is ${id:-a system without /etc/os-release}"
  { have apt-get && have dpkg; } || die "apt-get and dpkg" "install the target by rustup: rustup target add $target"
  mkdir -p "$toolchain"
  install_packages
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
