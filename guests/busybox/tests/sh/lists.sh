# Lists, and-or lists, negation.
true && echo and
false && echo no
false || echo or
true || echo no
false && echo no || echo else
true && false || echo third
! true; echo "not true is $?"
! false; echo "not false is $?"
true; false; echo "last is $?"
{ echo in; echo braces; } && echo after
(exit 7); echo "subshell $?"
if true && false || true; then echo mixed; fi
! { true; false; } && echo negated group
echo a; echo b;
echo c &&
  echo d
echo e | cat ||
  echo f
exit 5
