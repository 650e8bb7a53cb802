# What tells of the system, where the answer is the same everywhere.
date -u -d @0 '+%Y-%m-%d %H:%M:%S'
date '+%Y-%m-%d %H:%M:%S' | grep -Ec '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$'
date +%s | grep -Ec '^[0-9]+$'
env -i A=1 B=2 env | sort
A=1 env | grep '^A='
env A=2 sh -c 'echo $A'
A=1 env -u A sh -c 'echo ${A-unset}'
env nosuchcommand 2>/dev/null; echo $?
sleep 0; echo $?
sleep 0.05 0.05; echo $?
sleep nonsense 2>/dev/null; echo $?
hostname | grep -c .
uname >/dev/null; echo $?
sync; echo $?
true --anything; echo $?
which sh >/dev/null; echo $?
which nosuchcommand; echo $?
nproc | grep -c '^[0-9]'
printf '%s\n' "$PATH" | grep -c /
sh -c 'echo $PWD' | grep -c /
cd /tmp; sh -c pwd; env pwd
(cd /; sh -c 'pwd; cd tmp; pwd')
ls /tmp/../ >/dev/null; echo $?
