#!/usr/bin/env bash
# Installs the programs that tests use beside peapod itself, from the system's packages: curl. What is there already stays.
set -euo pipefail

say() { printf 'setup-tools: %s\n' "$*" >&2; }
missing=()
for tool in curl; do
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
DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install --yes --no-install-recommends "${missing[@]}" >&2
