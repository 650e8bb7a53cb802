# exit, traps, statuses of what cannot run.
sh -c 'exit 3'; echo $?
sh -c 'false'; echo $?
sh -c 'exit 300'; echo $?
sh -c 'false; exit'; echo $?
sh -c '(exit 5); exit'; echo $?
nosuchcommand 2>/dev/null; echo $?
/no/such/file 2>/dev/null; echo $?
/tmp 2>/dev/null; echo $?
sh -c 'trap "echo bye" EXIT; echo hi'
sh -c 'trap "echo bye \$?" EXIT; exit 7'; echo $?
sh -c 'trap "exit 9" EXIT; exit 7'; echo $?
sh -c 'trap "echo no" EXIT; trap - EXIT; echo quiet'
(trap 'echo subshell ends' EXIT; echo in it)
sh -c 'f() { exit 6; }; f; echo no'; echo $?
sh -c 'x=$(exit 8); exit $?'; echo $?
sh -c 'kill -9 $$'; echo $?
sh -c 'kill $$; sleep 1' ; echo $?
sh -c 'if' 2>/dev/null; echo "syntax $?"
sh -c 'echo a; )' 2>/dev/null; echo "syntax $?"
sh -c 'echo $0 $1 $#' name one two
sh -c 'exec true; echo no'; echo $?
sh -c 'exec sh -c "exit 4"'; echo $?
sh -c 'exec nosuchcommand' 2>/dev/null; echo $?
echo 'echo from stdin; exit 2' | sh; echo $?
echo 'echo "$1-$2"' | sh -s a b
printf 'echo script $1\nexit 11\n' > exits.tmp; sh exits.tmp arg; echo $?; rm exits.tmp
eval 'echo evaluated; x=5'; echo $x
eval "echo 'two  words'"
eval; echo $?
printf 'y=sourced\nreturn 3\necho no\n' > exits.tmp; . ./exits.tmp; echo "$y $?"; rm exits.tmp
cd / && pwd; cd /tmp; cd - ; cd /no/such 2>/dev/null || echo "cannot cd"
command -v cd; command -v nosuchcommand; echo $?
type nosuchcommand >/dev/null 2>&1 || echo "no type"
command echo plain
times >/dev/null; umask >/dev/null; echo ok
exit 300
