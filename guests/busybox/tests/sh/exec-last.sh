# oracle: bash --posix
# Where dash keeps a shell, or has read the input ahead.
sh -c 'sh -c "echo \$\$"' > exec.tmp & wait $!; [ "$(cat exec.tmp)" = $! ] && echo the same process
sh -c 'echo $$ && sh -c "echo \$\$"' > exec.tmp; uniq exec.tmp | wc -l | tr -d ' '
sh -c 'echo $$; sh -c "echo \$\$"' > exec.tmp; uniq exec.tmp | wc -l | tr -d ' '
sh -c 'trap "echo trap" EXIT; echo $$ > exec.tmp; sh -c "echo \$\$" >> exec.tmp'; uniq exec.tmp | wc -l | tr -d ' '
sh -c '(echo $$ > exec.tmp; exec sh -c "echo \$\$" >> exec.tmp); echo after'; uniq exec.tmp | wc -l | tr -d ' '
echo 'exec cat
what follows is input' | sh
rm exec.tmp
