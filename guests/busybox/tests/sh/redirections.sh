# Redirections.
echo one > redirections.tmp; cat redirections.tmp
echo two >> redirections.tmp; cat < redirections.tmp
echo over > redirections.tmp; cat redirections.tmp
{ echo out; echo err >&2; } 2>&1 | sort
{ echo out; echo err >&2; } 2>/dev/null
{ echo out; echo err >&2; } >/dev/null 2>&1; echo silent
cat /nonexistent 2> redirections.tmp; [ -s redirections.tmp ] && echo "error was written"
> redirections.tmp; [ -s redirections.tmp ] || echo empty
echo "to 3" 3>&1 >&3
exec 4> redirections.tmp; echo "line for 4" >&4; echo "more" >&4; exec 4>&-; cat redirections.tmp
exec 5< redirections.tmp; read a <&5; read b <&5; echo "$a, $b"; exec 5<&-
{ read a; read b; } < redirections.tmp; echo "$b, $a"
(echo gone >&4) 2>/dev/null || echo "4 is closed"
echo x > /nonexistent/file 2>/dev/null || echo "no such directory"
(echo x > /nonexistent/file) 2>/dev/null || echo "nor in a subshell"
cat < /nonexistent 2>/dev/null; [ $? -ne 0 ] && echo "no such file"
for i in 1 2; do echo $i; done > redirections.tmp; wc -l < redirections.tmp | tr -d ' '
while read x; do echo "r$x"; done < redirections.tmp > redirections2.tmp; cat redirections2.tmp
if true; then echo in an if; fi > redirections.tmp; cat redirections.tmp
echo a >| redirections.tmp; cat redirections.tmp
f() { echo f-out; echo f-err >&2; }
f 2>&1 >/dev/null
f > redirections.tmp 2>&1; cat redirections.tmp
echo first > redirections.tmp; echo second 1<> redirections.tmp; cat redirections.tmp
name=redirections.tmp; echo "by $name" > "$name"; cat $name
echo 2 >redirections.tmp; cat redirections.tmp
echo "digit 2"2>/dev/null
exec 6>&1 > redirections.tmp; echo "into the file"; exec 1>&6 6>&-; echo "back"; cat redirections.tmp
(exec > redirections.tmp; echo inside); cat redirections.tmp
: > redirections.tmp; echo a >> redirections.tmp; (echo b; echo c) >> redirections.tmp; cat redirections.tmp
sh -c 'echo child; echo child error >&2' > redirections.tmp 2>&1; cat redirections.tmp
set -C; (echo no > redirections.tmp) 2>/dev/null || echo "noclobber"; set +C
rm redirections.tmp redirections2.tmp
