#!/usr/bin/env bash
# Installs the programs that tests use beside peapod itself, from the system's packages: curl, openssl, a registry and skopeo. What is there
# already stays.
set -euo pipefail

say() { printf 'setup-tools: %s\n' "$*" >&2; }
missing=()
for tool in curl docker-registry openssl skopeo; do
  command -v "$tool" >/dev/null 2>&1 || missing+=("$tool")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  say "missing: ${missing[*]}; install them with the system's package manager"
  exit 1
fi
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo)
say "apt-get install ${missing[*]}"
"${root[@]}" apt-get update >&2
# Debian would start a registry for the whole machine; the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
  "${root[@]}" chmod +x "$policy"
  trap '"${root[@]}" rm -f "$policy"' EXIT
fi
DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install --yes --no-install-recommends "${missing[@]}" >&2
