# oracle: bash --posix
# Scripts from standard input: what follows a command belongs to that command first.
printf 'read x\nthe line\necho "got $x"\n' | sh
printf 'cat\nall\nthe rest\n' | sh
printf 'if true; then\n  echo "over several lines"\nfi\nexit 3\necho no\n' | sh; echo $?
printf 'cat <<X\nhere\nX\necho after\n' | sh
printf 'head -n 1\n' | sh
printf 'echo one\n\n\n# comment\necho two' | sh
sh /no/such/script 2>/dev/null; echo $?
printf 'echo before\n)\necho no\n' | sh 2>/dev/null; [ $? -ne 0 ] && echo "a syntax error"
x='a/b/c'; echo ${x//\//-} ${x/b/X} ${x:2} ${x:2:1} ${x: -1}
cat <<< "here string"
[ /tmp -nt /nonexistent ] && echo "newer than nothing"
