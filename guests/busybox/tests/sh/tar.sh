# Archives.
mkdir tar.tmp; cd tar.tmp
mkdir -p from/a/b; echo one > from/one; echo two > from/a/b/two; : > from/empty; ln -s a/b/two from/link
long=$(printf '%0120d' 7); echo deep > "from/a/$long"
tar cf all.tar from; tar tf all.tar | sed "s/$long/LONG/" | sort
mkdir to; tar xf all.tar -C to; cat to/from/one to/from/link "to/from/a/$long"; readlink to/from/link
tar cf - from | tar xmf - -C to; echo $?
mkdir part; tar -x -f all.tar -C part from/a/b; find part -type f
mkdir bare; tar xf all.tar --strip-components=1 -C bare; find bare -name one; find bare -name two
tar cf - -C from one a/b/two | tar tf -
echo changed > to/from/one; tar xf all.tar -C to from/one; cat to/from/one
touch -d '2020-01-02 03:04:05' from/one; tar cf old.tar from/one; tar xf old.tar -C to; TZ=UTC date -u -r to/from/one +%Y
tar xmf old.tar -C to; [ "$(TZ=UTC date -u -r to/from/one +%Y)" -gt 2020 ] && echo "as new"
rm to/from/one; echo kept > kept; ln -s ../../kept to/from/one; tar xf old.tar -C to; cat kept to/from/one
tar cf - "$PWD/from/one" 2>/dev/null | tar tf - | grep -c '^/'
tar cf x.tar nothing 2>/dev/null; [ $? -ne 0 ] && echo "missing files are told"
tar xf nothing.tar 2>/dev/null; [ $? -ne 0 ] && echo "so are archives"
echo nonsense | tar tf - 2>/dev/null; [ $? -ne 0 ] && echo "and what is none"
cd ..; rm -r tar.tmp
