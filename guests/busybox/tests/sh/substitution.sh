# $( … ): output, status, what it may change.
echo "$(echo one; echo two)"
x=$(echo a; exit 3); echo "$x $?"
x=outer; y=$(x=inner; echo $x); echo "$x $y"
cd /; z=$(cd /tmp; pwd); echo "$z $(pwd)"
echo "$(printf 'no newline')" "$(printf 'three\n\n\n')."
echo $(echo 'a   b'   c)
echo "$(echo 'a   b'   c)"
f() { echo "f got $*"; return 2; }
v=$(f 1 2); echo "$v, status $?"
echo "$(for i in 1 2 3; do echo -; done | wc -l | tr -d ' ')"
echo "$(echo to stderr >&2)" 2>/dev/null
e=$( { echo out; echo err >&2; } 2>&1 ); echo "$e"
e=$( (echo a; cat /nonexistent) 2>/dev/null ); echo "$e: $?"
big=$(i=0; while [ $i -lt 2000 ]; do echo "line $i of many that fill a pipe and more"; i=$((i+1)); done | cat); echo ${#big}
big=$(seq 1 20000); echo ${#big}
echo $(echo $(echo $(echo deep)))
n=$(cat <<X
here $x
X
); echo "$n"
echo "$(true && echo yes || echo no)"
exec 3>&1; w=$(echo caught; echo around >&3); echo "$w"; exec 3>&-
a=$(exit 1) || echo "failed assignment"
if [ "$(echo yes)" = yes ]; then echo compared; fi
echo "$(echo a | sed 's/a/b/' | tr b c)"
echo $(ls -d /tmp/../tmp)
set -- $(echo p q r); echo "$# $3"
