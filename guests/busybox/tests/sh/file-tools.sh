# The file commands.
mkdir files.tmp; cd files.tmp
mkdir -p a/b/c; [ -d a/b/c ] && echo made
touch a/one a/two; ls a
echo content > a/b/file; cat a/b/file
cp a/b/file copy; cat copy
cp -r a a2; ls a2 a2/b
mv copy moved; ls; cat moved
mv moved a; ls a
ln -s a/b/file link; cat link; readlink link; [ -L link ] && echo "a link"
rm link; rm -r a2; ls
rm nothing 2>/dev/null; echo $?
rm -f nothing; echo $?
mkdir a 2>/dev/null; echo $?
rmdir a/b/c; [ -d a/b/c ] || echo removed
rmdir a 2>/dev/null || echo "not empty"
cp nothing x 2>/dev/null; echo $?
cp a/one a/two a/b; ls a/b
ls -1 a; ls -d a; ls -a | head -n 2; ls nothing 2>/dev/null; [ $? -ne 0 ] && echo "ls fails"
ls -R a
ls -F a; ls -p; ls a/one
cat a/b/file a/moved; cat - < a/moved; cat -n a/moved | sed 's/^ *//' | tr '\t' ' '
find a | sort; find a -type f | sort; find a -name 'o*' | sort; find a -maxdepth 1 -type d | sort; find a -name one -type f ! -path 'a/b/*'
stat -c '%s %F %n' a/b/file a
[ a/b/file -ef a/b/../b/file ] && echo same
realpath a/../a/one | sed "s|$PWD/||"; readlink -f a/b/.. | sed "s|$PWD/||"
t=$(mktemp -d ./tmp.XXXXXX); [ -d "$t" ] && echo "temporary directory"; rmdir "$t"
t=$(mktemp ./tmp.XXXXXX); [ -f "$t" ] && echo "temporary file"; rm "$t"
echo x | tee t1 t2; cat t1 t2; echo y | tee -a t1; cat t1
printf 'x' > t1; cp t1 t3; [ "$(cat t3)" = x ] && echo copied; mv t3 t1; [ -e t3 ] || echo "moved over"
cp -a a a3; find a3 -type f | wc -l | tr -d ' '; rm -rf a3
find a -type f | xargs cat | sort | uniq | wc -l | tr -d ' '
find a -type f -delete; find a -type f | wc -l | tr -d ' '
cd ..; rm -r files.tmp; [ -d files.tmp ] || echo clean
touch -d '2020-01-02 03:04:05' old.tmp; touch new.tmp; [ new.tmp -nt old.tmp ] && echo "newer"; [ old.tmp -ot new.tmp ] && echo "older"
TZ=UTC date -u -r old.tmp '+%Y-%m-%d %H:%M:%S'; cp -p old.tmp copy.tmp; date -u -r copy.tmp +%Y; touch -r old.tmp new.tmp; date -u -r new.tmp +%Y
touch -c none.tmp; [ -e none.tmp ] || echo "not made"; rm old.tmp new.tmp copy.tmp
