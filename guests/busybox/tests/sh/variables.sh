# Variables, expansion operators, special parameters.
a=1 b=2; echo $a$b ${a}b
a=x b=$a; echo $b
unset u; e=
echo "1 ${u-default} ${e-default} ${u:-default} ${e:-default}"
echo "2 ${u+alt} ${e+alt} ${u:+alt} ${e:+alt} ${a+alt} ${a:+alt}"
echo "3 ${n=assigned} $n ${e:=filled} $e"
echo "4 ${#a} ${#u} ${#n}"
path=/usr/local/lib/libc.so.6
echo "5 ${path#*/} ${path##*/} ${path%.*} ${path%%.*}"
echo "6 ${path#nothing} ${path%nothing} ${path#/usr} ${path%/*}"
q='a*b*c'; star='*'
echo "7 ${q#*"*"} ${q##*$star} ${q%"*"*} ${q%%'*'*}"
echo "8 ${u:-$a and $b} ${u:-"quoted  blanks"} ${u:-$(echo command)} ${u:-${a:-nested}}"
set -- one 'two three' four
echo "9 $# $1 $2 $3 ${10-none} $*"
for i in "$@"; do echo "at <$i>"; done
for i in "$*"; do echo "star <$i>"; done
for i in $*; do echo "bare <$i>"; done
IFS=-; echo "10 $*" "$*"; for i in "$*"; do echo "joined <$i>"; done; IFS=' 	
'
shift; echo "11 $# $1"; shift 2; echo "12 $#"
for i in "$@"; do echo no; done; echo "13 no parameters"
for i in "a$@b"; do echo "around <$i>"; done
set -- x y; for i in "a$@b"; do echo "around <$i>"; done
false; echo "14 $?"; true; echo "15 $?"
x=$(false); echo "16 $?"; x=$(exit 4); echo "17 $?"
y=5 ; y=6 true; echo "18 $y"
readonly r=1; (r=2) 2>/dev/null || echo "19 readonly $r"
export ex=exported; sh -c 'echo "20 $ex ${y-unset}"'
ex2=only sh -c 'echo "21 $ex2"'; echo "22 ${ex2-unset}"
unset ex; sh -c 'echo "23 ${ex-unset}"'
(${u?"is not there"}) 2>/dev/null; echo "24 $?"
(: ${e2:?}) 2>/dev/null || echo "25 failed"
echo "26 ${a:+"x y"} ${u:+no}."
v='  many   blanks  '; echo "27" $v "$v"
echo "28 ${v% }|"
long=$(printf '%s' abc; echo; echo; echo); echo "29 <$long>"
echo "30 $((1+1)) $(( $a1 + 2 ))"
set -- a b c d e f g h i j k; echo "31 ${11} $11"
_under=1 A1=2; echo "32 $_under $A1"
t=tick; echo "34 '$t' \"$t\" '"'$t'"'"
echo "35 "a"b"'c'd\ e
