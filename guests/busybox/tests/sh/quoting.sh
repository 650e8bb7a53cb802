# Quotes, escapes, field splitting.
echo 'single $x `y` \z "q"'
echo "double \$x \"q\" \\ 'single'"
x='a  b'
echo $x "$x" '$x' \$x
printf '%s\n' a\ b\\c\'d\"e
echo "line one
line two"
echo joined\
lines
echo "in quotes \
joined"
printf '<%s>' a '' "b c" "" ; echo
printf '<%s>' $undefined; echo
printf '<%s>' "$undefined"; echo
printf '<%s>' ''$x''; echo
printf '<%s>' pre$x"post $x"; echo
IFS=:
p=/a:/b::/c:
printf '<%s>' $p; echo
printf '<%s>' "$p"; echo
p=:x
printf '<%s>' $p; echo
IFS=': '
p=' a : b  c:d '
printf '<%s>' $p; echo
IFS=
p='a b'
printf '<%s>' $p; echo
unset IFS
printf '<%s>' $p; echo
echo "`echo back \`echo nested\` quotes`"
echo "$(echo "inner $(echo "innermost")")"
echo `echo a`b`echo c`
echo "a$(echo)b"
echo "tab	stays"
echo \# not a comment # a comment
echo a#b
echo 'it'"'"'s'
echo "$(cat <<'X'
it's "quoted" in a here-document here
X
)"
echo ~ | grep -c '^~' | sed 's/.*/tilde was &/' > /dev/null
HOME=/home/me; echo ~ ~/x "~" '~' a~ x=~
y=~/z; echo $y
echo "${x}" "${x:-"a b"}" "${undefined:-it is}" 
