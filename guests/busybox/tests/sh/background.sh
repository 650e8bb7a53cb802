# Background commands, wait, $!.
sleep 0.2 &
pid=$!
[ -n "$pid" ] && echo "has a pid"
wait $pid; echo "waited: $?"
(exit 3) & wait $!; echo "status $?"
sh -c 'exit 4' & wait $!; echo "status $?"
false & a=$!; true & b=$!; wait $a; echo $?; wait $b; echo $?
{ sleep 0.3; echo slow; } & { sleep 0.1; echo quick; } & wait; echo "all: $?"
x=from-parent; { echo "sees $x" > background.tmp; } & wait; cat background.tmp; rm background.tmp
f() { sleep 0.1; echo "f in the background $1"; }
f arg & wait
sleep 30 & pid=$!; kill $pid; wait $pid; echo "killed: $?"
sleep 30 & pid=$!; kill -9 $pid; wait $pid; echo "killed: $?"
kill -0 $pid 2>/dev/null || echo "it is gone"
echo piped | cat & wait
for i in 1 2 3; do (sleep 0.$i; echo "job $i") & done; wait
echo "done" && sleep 0.1 & wait; echo end
cat & wait; echo "input of a background command is empty"
wait 99999 2>/dev/null; echo "no child: $?"
true && { false; } & wait $!; echo "and-or: $?"
tail -F -s 0.05 background.tmp 2>/dev/null & pid=$!
sleep 0.3; echo one > background.tmp; sleep 0.3; echo two >> background.tmp; sleep 0.3
echo anew > background2.tmp; mv background2.tmp background.tmp; sleep 0.4; kill $pid; wait $pid; echo "tail ended: $?"; rm background.tmp
