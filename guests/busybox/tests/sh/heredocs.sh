# Here-documents.
x=value
cat <<EOF
plain $x ${x} $(echo sub) $((1 + 1)) \$x \\ "quotes" 'single'
`echo backquoted`
EOF
cat <<'EOF'
literal $x $(echo sub) \$x
EOF
cat <<-EOF
	tabs go
		all of them
	EOF
cat <<A; cat <<B
first
A
second
B
cat <<EOF | tr a-z A-Z
through a pipe
EOF
while read -r a b; do echo "$b $a"; done <<EOF
one two
three four five
EOF
f() {
  cat <<EOF
in a function: $1
  indented
EOF
}
f arg
if true; then
cat <<EOF
in an if
EOF
fi
read first <<EOF
only line
rest
EOF
echo "$first"
cat <<EOF > heredocs.tmp
to a file
EOF
cat heredocs.tmp; rm heredocs.tmp
cat <<EOF
EOF
echo "empty one"
(cat; echo after) <<EOF
to a subshell
EOF
cat <<EOF &
in the background
EOF
wait
cat <<"E F"
quoted $delimiter
E F
cat <<EOF
a \
joined line
EOF
cat <<EOF && echo and
last
EOF
