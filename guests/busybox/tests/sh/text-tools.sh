# The text commands.
printf 'banana\napple\ncherry\napple\n' > text.tmp
sort text.tmp; sort -r text.tmp; sort -u text.tmp
sort text.tmp | uniq -c | sed 's/^ *//'
printf '10\n9\n100\n' | sort -n
printf 'b 2\na 1\nc 3\n' | sort -k2 -rn
uniq -d text.tmp; sort text.tmp | uniq -d
head -n 2 text.tmp; head -2 text.tmp; head -c 3 text.tmp; echo
tail -n 2 text.tmp; tail -2 text.tmp; tail -n +3 text.tmp; tail -c 4 text.tmp
wc -l < text.tmp | tr -d ' '; wc -w < text.tmp | tr -d ' '; wc -c < text.tmp | tr -d ' '
cut -c1-3 text.tmp; echo a:b:c | cut -d: -f2; echo a:b:c | cut -d: -f1,3; echo a:b:c | cut -d: -f2-
echo hello | tr a-z A-Z; echo hello | tr -d l; echo aabbcc | tr -s abc; echo 'a b' | tr ' ' '\n'
grep an text.tmp; grep -c apple text.tmp; grep -n cherry text.tmp; grep -v apple text.tmp; grep -i BANANA text.tmp
grep -E '^(a|c)' text.tmp; grep -F 'a' text.tmp | head -n 1; grep -o 'an' text.tmp; grep -w apple text.tmp | head -n 1
grep -q nothing text.tmp; echo $?; grep x /nonexistent 2>/dev/null; echo $?
grep 'a\(n\)a' text.tmp; grep 'p\{2\}' text.tmp | head -n 1; grep '^[^ab]' text.tmp; grep -x apple text.tmp | wc -l | tr -d ' '
grep -A1 banana text.tmp; grep -B1 cherry text.tmp; grep -m1 apple text.tmp; grep -e banana -e cherry text.tmp
grep -l apple text.tmp; grep -H cherry text.tmp; cat text.tmp | grep -c ''
sed 's/a/A/' text.tmp; sed 's/a/A/g' text.tmp | head -n 1; sed -n 2p text.tmp; sed 1d text.tmp; sed '/apple/d' text.tmp
sed -n '/banana/,/cherry/p' text.tmp; sed 's/\(b\)\(a\)/\2\1/' text.tmp | head -n 1; sed -E 's/(.)p+/<\1>/' text.tmp
sed 2q text.tmp; sed -e 's/a/1/' -e 's/1/2/' text.tmp | head -n 1; sed 's|an|/|2' text.tmp | head -n 1; sed 's/apple/[&]/' text.tmp
sed 'y/abc/xyz/' text.tmp; sed -n '$p' text.tmp; sed '2,3d' text.tmp; sed 's/APPLE/x/I' text.tmp | head -n 2
sed '1i\
inserted' text.tmp | head -n 2; sed '1a\
appended' text.tmp | head -n 2; sed '1c\
changed' text.tmp | head -n 1; sed -n '1!p' text.tmp | head -n 1; sed '1~2d' text.tmp
cp text.tmp text2.tmp; sed -i 's/apple/pear/' text2.tmp; cat text2.tmp; sed '/a/!d;s/^/> /' text.tmp; sed -n '/ch/{s/c/C/;p;}' text.tmp
echo 'a,b;c' | sed 's/[,;]/ /g'; echo path/to | sed 's/\//:/'; echo 12 | sed 's/[0-9]/<&>/2'; echo ab | sed -n 's/a/x/p'
tee text2.tmp < text.tmp | wc -l | tr -d ' '; cat text2.tmp | wc -l | tr -d ' '
seq 3; seq 2 4; seq 1 2 5; seq -s, 3; seq 3 -1 1; seq -w 8 10
printf 'a\nb\n' | xargs; printf 'a b c' | xargs -n 1 echo x; printf '1\n2\n' | xargs -I @ echo '<@>'
echo aGVsbG8= | base64 -d; echo; echo hello | base64
printf abc | md5sum; printf abc | sha256sum
expr 1 + 2; expr 2 \* 3; expr 7 / 2; expr length hello; expr abc : 'a\(.\)c'; expr abc : '.*'; expr 1 \> 2; expr a = a
basename /a/b.txt; basename /a/b.txt .txt; dirname /a/b.txt; dirname x; basename /
yes n | head -n 2
rm text.tmp text2.tmp
