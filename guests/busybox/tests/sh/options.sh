# set -e, -u, -x, -f, -n and others.
sh -c 'set -e; echo a; false; echo no'; echo $?
sh -ec 'false || true; echo "or is tested"'
sh -ec 'if false; then :; fi; echo "conditions are tested"'
sh -ec '! true; echo "negation is tested"'
sh -ec 'while false; do :; done; until true; do :; done; echo loops'
sh -ec 'true && false; echo no'; echo $?
sh -ec '{ false && true; }; echo "a tested failure in a group"'
sh -ec 'false | true; echo "only the last of a pipeline"'
sh -ec 'true | false; echo no'; echo $?
sh -ec '(false; echo no); echo no'; echo $?
sh -ec 'x=$(false); echo no'; echo $?
sh -ec 'echo $(false) the status is echo'"'"'s'
sh -ec 'f() { false; echo "in a tested function"; }; f || :; f && :'
sh -ec 'f() { false; echo no; }; f; echo no'; echo $?
sh -ec 'trap "echo trapped" EXIT; false'; echo $?
sh -ec 'set +e; false; echo "switched off"'
sh -uc 'echo ${x-default}; echo $x; echo no' 2>/dev/null; echo "unset: $?"
sh -uc 'x=; echo "empty is set$x"; echo $#'
sh -xc 'x=1; echo $x ab' 2>&1
sh -nc 'echo no'; echo $?
sh -fc 'echo /*'
sh -c 'set -a; x=exported; sh -c "echo \$x"'
sh -c 'set -- -a b; echo $# $1'
sh -c 'set -o errexit; false; echo no'; echo $?
sh -c 'set x y z; shift 2; echo $1 $#'
sh -c 'set --; echo $#' name a b
while getopts ab:c o -a -b val -cx arg 2>/dev/null; do echo "$o ${OPTARG-none}"; done; echo $OPTIND
OPTIND=1; set -- -xv rest; while getopts :x:y o; do echo "$o $OPTARG"; done; shift $((OPTIND - 1)); echo $1
