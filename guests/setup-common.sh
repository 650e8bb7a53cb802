# What setup-target.sh and setup-c.sh share: sourced by them, with $guests set.
# shellcheck shell=bash

toolchain=$guests/.toolchain
target=wasm32-wasip2
me=$(basename "$0" .sh)

# The setup runs inside `just demo`: a person must see which part of it is speaking, and standard output stays free for results.
say() { printf '%s: %s\n' "$me" "$*" >&2; }
die() {
  printf '%s: missing: %s\n' "$me" "$1" >&2
  shift
  local line
  for line in "$@"; do printf '%s:   %s\n' "$me" "$line" >&2; done
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    die "root rights to install Debian packages" "they need apt-get install, as root"
  fi
}

# Whether this is Debian, of whose packages the rest of this file makes use.
on_debian() {
  local id
  id=$(sed -n 's/^ID="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release 2>/dev/null || true)
  [ "$id" = debian ] && have apt-get && have dpkg
}

# Installs those of the packages that are not there yet; false where apt-get could not.
apt_install() {
  local need=() p
  for p in "$@"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || need+=("$p")
  done
  if [ ${#need[@]} -eq 0 ]; then
    say "Debian's $* are there already"
    return 0
  fi
  say "apt-get install ${need[*]}"
  mkdir -p "$toolchain"
  # A fresh image has no package lists: the update is only made when the plain install fails, for it costs most of the time.
  as_root apt-get install -y --no-install-recommends "${need[@]}" >"$toolchain/apt.log" 2>&1 && return 0
  as_root apt-get update >>"$toolchain/apt.log" 2>&1 || true
  as_root apt-get install -y --no-install-recommends "${need[@]}" >>"$toolchain/apt.log" 2>&1
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
