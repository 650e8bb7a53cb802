# exec: the shell becomes a program; and the last program of `sh -c`.
sh -c 'echo $$; exec sh -c "echo \$\$"' > exec.tmp; uniq exec.tmp | wc -l | tr -d ' '
sh -c 'a=1; b=2; export b; exec sh -c "echo \${a-none} \$b \$c"'
sh -c 'c=3 exec sh -c "echo \$c"'
mkdir exec.dir; sh -c 'cd exec.dir; exec pwd' | sed 's/.*\///'; rmdir exec.dir
sh -c 'exec echo into the file > exec.tmp; echo no'; cat exec.tmp
sh -c 'exec cat < exec.tmp; echo no'
sh -c 'exec 2>&1; exec sh -c "echo to error >&2"' | sed 's/^/through the pipe: /'
sh -c 'exec 3>&1 >/dev/null; exec sh -c "echo on 3" >&3'
sh -c 'x=here; exec cat <<END
the document is $x
END
echo no'
# A here-document that no pipe holds.
sh -c 'big=$(seq 20000); exec wc -l <<END
$big
END
echo no' | tr -d ' '
# Statuses.
sh -c 'exec sh -c "exit 7"; echo no'; echo $?
sh -c 'exec false'; echo $?
sh -c 'exec sh -c "kill -9 \$\$"'; echo $?
sh -c 'exec nosuchcommand; echo no'; echo $?
sh -c 'exec /no/such/file; echo no'; echo $?
sh -c 'exec /tmp; echo no'; echo $?
sh -c 'exec nosuchcommand || echo no'; echo $?
(exec nosuchcommand; echo no); echo $?
# A script without a first line of its own.
printf 'echo script $0 $1 $#; cat; exit 4\n' > exec.tmp; chmod +x exec.tmp
echo input | sh -c 'exec ./exec.tmp one two; echo no' | sed 's/ [^ ]*exec.tmp/ exec.tmp/'
sh -c 'exec ./exec.tmp </dev/null >/dev/null'; echo $?
sh -c 'exec ./exec.tmp <<END
a document for a script
END' | tail -n 1
PATH=$PWD:$PATH sh -c 'exec exec.tmp from the path </dev/null' | sed 's/ [^ ]*exec.tmp/ exec.tmp/'
printf '#!/bin/sh\necho first line $1\n' > exec.tmp; sh -c 'exec ./exec.tmp one'
# Traps: not after a successful exec.
sh -c 'trap "echo trap" EXIT; exec echo becomes'
sh -c 'trap "echo trap \$?" EXIT; exec nosuchcommand'; echo $?
(trap 'echo trap' EXIT; exec echo subshell becomes); echo $?
sh -c 'trap "exec echo from the trap" EXIT; echo first'; echo $?
# In a subshell only that one ends.
(exec echo one; echo no); echo two
x=$(exec echo captured; echo no); echo "[$x]"
x=$(sh -c 'exec sh -c "echo a; exec echo b"'); echo "[$x]"
x=$(echo before; exec sh -c 'echo out; echo error >&2' 2>&1); echo "[$x]"
exec 4>&1; { exec echo member; echo no; } | cat; echo past the pipeline >&4; exec 4>&-
echo in | (read x; exec echo "got $x")
seq 5 | (read x; exec cat) | tr '\n' ' '; echo
{ exec sh -c 'exit 5'; } & wait $!; echo $?
f() { exec sh -c 'exit 6'; echo no; }; (f); echo $?
sh -c 'f() { exec echo from f "$@"; echo no; }; f 1 2; echo no'
sh -c 'while :; do exec echo once; done; echo no'
sh -c 'eval exec echo evaluated; echo no'
sh -c 'command exec echo by command; echo no'
# Children in the background are still there.
sh -c 'sleep 0.3 && echo child & exec echo parent' | cat
# The last program of `sh -c`.
sh -c 'sh -c "exit 9"'; echo $?
sh -c 'true && sh -c "exit 10"'; echo $?
sh -c 'false && sh -c "exit 10"'; echo $?
sh -c 'false || sh -c "exit 11"'; echo $?
sh -c '! sh -c "exit 11"'; echo $?
sh -c 'echo one; sh -c "echo two"
sh -c "echo three"; cat /dev/null'; echo $?
sh -c 'set -e; false || false; sh -c "echo no"'; echo $?
sh -c 'nosuchcommand'; echo $?
sh -c '/tmp'; echo $?
sh -c 'trap "echo trap \$?" EXIT; sh -c "exit 12"'; echo $?
sh -c 'sleep 0.1 & sh -c "exit 13"'; echo $?
sh -c 'v=1 sh -c "echo \$v" > exec.tmp'; cat exec.tmp
sh -c 'cat <<END
a document at the end
END'
sh -c 'cat /dev/null > /no/such/file' || echo failed
sh -c 'sh -c "echo \$PPID" >/dev/null; f() { echo function; }; f'
x=$(sh -c 'seq 3'); echo $x
(sh -c 'cat') < exec.tmp
sh -c 'sh -c "kill \$\$; sleep 1"'; echo $?
rm exec.tmp
# And this shell itself, in the end.
trap 'echo no' EXIT
exec sh -c 'echo the end; exit 21'
