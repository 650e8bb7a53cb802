#!/bin/sh
# Records what a real shell makes of the scripts: `tests/record.sh [SCRIPT …]`. The answer of a script is its standard output and then its
# status; it comes from dash, or from the shell that the script's first line names (`# oracle: bash --posix`).
cd "$(dirname "$0")/sh" || exit
scratch=$(mktemp -d)
shells=$(mktemp -d)
for script in "${@:-*.sh}"; do
  for path in $script; do
    # What no shell of the machine has is written by hand: `# oracle: none`.
    oracle=$(sed -n '1s/^# oracle: //p' "$path")
    [ "$oracle" = none ] && continue
    (
      here=$PWD
      # `sh` within the script is the same shell.
      printf '#!/bin/sh\nexec %s "$@"\n' "${oracle:-dash}" >"$shells/sh"
      chmod +x "$shells/sh"
      cd "$scratch" || exit
      PATH=$shells:$PATH ${oracle:-dash} "$here/$path" </dev/null 2>/dev/null
      echo "[exit $?]"
    ) >"${path%.sh}.out"
  done
done
rm -r "$scratch" "$shells"
