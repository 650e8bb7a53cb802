# for, while, until, break, continue.
for i in a b c; do echo $i; done
for i in; do echo no; done
echo "empty for: $?"
set -- x 'y z'
for i; do echo "<$i>"; done
for i in "$@" last
do
  echo "[$i]"
done
n=0
while [ $n -lt 3 ]; do n=$((n + 1)); echo "while $n"; done
until [ $n -eq 0 ]; do n=$((n - 1)); echo "until $n"; done
for i in 1 2 3 4 5; do
  [ $i = 2 ] && continue
  [ $i = 4 ] && break
  echo "round $i"
done
for i in 1 2 3; do
  for j in 1 2 3; do
    [ $j = 2 ] && continue 2
    [ $i = 3 ] && break 2
    echo "$i$j"
  done
done
while true; do while :; do break 2; done; echo no; done; echo "out: $?"
while false; do :; done; echo "status of no round: $?"
i=0; while [ $i -lt 2 ]; do i=$((i+1)); false; done; echo "status of the last round: $?"
for i in 1 2; do echo $i; done > loops.tmp; cat loops.tmp
while read -r line; do echo "got $line"; done < loops.tmp
for i in 1 2 3; do echo $i; done | while read x; do echo "piped $x"; done
echo "i is still $i"
for i in $(echo 7 8); do echo "sub $i"; done
rm loops.tmp
i=5; while i=$((i-1)); [ $i -gt 2 ]; do echo "condition of two: $i"; done
