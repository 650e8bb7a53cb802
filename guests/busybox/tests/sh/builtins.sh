# echo, printf, test, read, and their like.
echo
echo -n no newline; echo
echo a  b   'c  d'
echo -- -x
printf 'plain\n'
printf '%s %s\n' a b c d
printf '%d %i %5d|%-5d|%05d\n' 1 2 3 4 5
printf '%x %X %o %u %#x\n' 255 255 8 7 255
printf '%c%c\n' abc def
printf '%5s|%-5s|%.2s|\n' ab ab abc
printf '%b' 'tab\there\n'
printf '%%|%s|\n'
printf '\101\x42\n' | cut -c1
printf '%.2f %5.1f %e %g %g\n' 3.14159 2.25 12345.678 0.0001 1000000
printf '%s\n' 'a\nb'
printf '%*d|%-*d|\n' 5 42 5 42
printf '%d\n' "'A"
printf '%s' a b c; echo
printf '%d\n' 0x10 010
printf "%s\n" "$(printf 'x\n\n')"
printf '%d %s\n' 1
echo 'one two three' | { read a b; echo "$a|$b"; }
echo 'one' | { read a b; echo "$a|$b|"; }
printf '%s\n' 'a\tb' | { read x; echo "$x"; }
printf '%s\n' 'a\tb' | { read -r x; printf '%s\n' "$x"; }
echo '  lead and trail  ' | { read x; echo "<$x>"; }
echo 'a:b:c' | { IFS=: read x y; echo "$x $y"; }
echo 'a:b:' | { IFS=: read x y; echo "$x $y"; }
printf 'no newline' | { read x; echo "$? $x"; }
printf '' | { read x; echo "$? <$x>"; }
printf 'a\\\nb\n' | { read x; echo "$x"; }
printf '1\n2\n' | { read a; read b; echo "$b$a"; }
test 1 -eq 1 && echo equal
test abc && echo "a word"
test "" || echo "no word"
test -f /nonexistent || echo "no file"
test x -eq 1 2>/dev/null; echo $?
true; echo $?; false; echo $?; :; echo $?
unset a b; a=1; unset a; echo "${a-gone}"
export E=1; export | grep -c "^export E='1'"
readonly R=5; readonly | grep 'R=' | grep -vc '^$'
pwd | grep -c /
kill -l 15 | tr -d 'SIG'
