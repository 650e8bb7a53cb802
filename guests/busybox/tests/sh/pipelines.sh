# Pipelines.
echo hello | cat
echo hello | cat | cat | cat
printf 'b\na\nc\n' | sort | head -n 1
false | true; echo $?
true | false; echo $?
! true | false; echo $?
{ echo a; echo b; } | { read x; read y; echo "$y$x"; }
(echo sub; echo shell) | tr a-z A-Z
for i in 3 1 2; do echo $i; done | sort | while read n; do echo "n=$n"; done
f() { echo "f $1"; }
f piped | cat
f a | f b
x=1; echo 2 | read x; echo "x is $x"
x=5; echo | { x=6; echo "inside $x"; }; echo "outside $x"
seq 1 100000 | head -n 2
i=0; while :; do echo $i; i=$((i+1)); done | head -n 3
yes | head -n 2
echo a | { cat; echo b; } | { cat; echo c; } | { cat; echo d; }
x=var; { echo "$x"; f "$x"; } | { sed 's/^/> /'; } | { cat -; }
if echo yes | grep -q yes; then echo found; fi
echo no | grep -q yes || echo "not found"
seq 5 | (read a; read b; echo "$a+$b"; wc -l | tr -d ' ')
echo "exit in a member" | { exit 3; }; echo $?
cat /nonexistent 2>/dev/null | cat; echo $?
echo one | cat - | (cat; echo two) | cat |
  cat
printf '%s\n' a b | { while read l; do echo "<$l>"; done; }
seq 1 3 | while read n; do seq 1 $n | tr '\n' ' '; echo; done
y="multi
line  value"; g() { printf '%s\n' "$y"
printf '%s|' "in
  function"; echo; }
{ g; cat <<X
doc $x
X
} | { cat; } | { cat; }
