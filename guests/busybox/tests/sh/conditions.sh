# if, elif, else, case.
for n in 1 2 3 4; do
  if [ $n -eq 1 ]; then
    echo one
  elif [ $n -eq 2 ]; then
    echo two
  elif test $n = 3; then
    echo three
  else
    echo more
  fi
done
if false; then echo no; fi
echo "if without a branch: $?"
for word in apple banana cherry "two words" '*' '' .hidden a]b; do
  case $word in
    apple) echo "an apple" ;;
    b*a | x) echo "b to a" ;;
    [c-d]*) echo "c or d" ;;
    *' '*) echo "has a blank" ;;
    '*') echo "a star" ;;
    '') echo "empty" ;;
    .*) echo "dot" ;;
    *[]]*) echo "has a bracket" ;;
  esac
done
case x in y) echo no ;; esac
echo "no case taken: $?"
x=abc
case abc in $x) echo "by variable" ;; esac
p='a*'
case abc in $p) echo "a pattern in a variable" ;; esac
case abc in "$p") echo no ;; *) echo "quoted it is a text" ;; esac
case 'a*' in "$p") echo "that matches itself" ;; esac
case abc in (abc) echo "opening parenthesis";; esac
case ab in ?) echo one ;; ??) echo "two characters" ;; esac
case 5 in [!0-9]) echo "no digit" ;; [0-9]) echo "a digit" ;; esac
case a-b in [a-]-b) echo "a or hyphen" ;; esac
case "$(echo sub)" in sub) echo "substituted" ;; esac
case '\' in \\) echo backslash ;; esac
[ -n "" ] || echo "empty is not non-empty"
[ -z "" ] && echo "empty"
[ a = a ] && [ a != b ] && echo "strings"
[ 10 -gt 9 ] && [ 9 -le 9 ] && [ 1 -ne 2 ] && echo "numbers"
[ ! a = b ] && echo "not"
[ a = a -a b = b ] && echo "-a"
[ a = b -o b = b ] && echo "-o"
[ \( a = b -o b = b \) -a c = c ] && echo "parentheses"
[ -d / ] && [ ! -f / ] && [ -e / ] && echo "files"
[ x ] && echo "one word"
[ ] || echo "no word"
[ -n ] && echo "-n alone is a word"
[ "!" ] && echo "! alone is a word"
[ "(" = "(" ] && echo "a parenthesis as a word"
