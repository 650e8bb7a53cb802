# Functions, local variables, return.
hello() { echo "hello $1, $# of you"; }
hello world and more
nothing() { :; }
nothing; echo "nothing: $?"
fails() { return 3; }
fails; echo "fails: $?"
fails || echo "or: $?"
last() { false; }
last; echo "last command's: $?"
bare() { false; return; }
bare; echo "bare return: $?"
set -- one two
swap() { echo "inside $* ($#)"; set -- x; echo "set inside $*"; }
swap a b c
echo "outside $*"
v=global
f() { local v=local w; w=1; echo "f: $v"; g; }
g() { echo "g sees $v"; v=changed; }
f
echo "after: $v ${w-unset}"
outer() { inner() { echo "defined inside"; }; }
outer; inner
fact() { if [ $1 -le 1 ]; then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }
fact 6
count() { [ $1 -eq 0 ] && return; echo $1; count $(($1 - 1)); }
count 3
sub() ( cd /; v=subshell; echo "body in a subshell: $v" )
sub; echo "v is $v"
redirected() { echo to a file; } > functions.tmp
redirected; cat functions.tmp; rm functions.tmp
piped() { while read x; do echo "<$x>"; done; }
printf 'a\nb\n' | piped
loop() { for i in 1 2 3; do [ $i = 2 ] && return 9; echo $i; done; }
loop; echo "from a loop: $?"
echo() { command echo "mine: $*"; }
echo shadowed
unset -f echo
echo plain
"hello" quoted name
v=1 hello assigned; echo "v: $v"
