# Pathname expansion.
mkdir globs.tmp; cd globs.tmp
touch a.txt b.txt c.log .hidden 'with blank.txt'; mkdir dir dir2; touch dir/x.txt dir/y.txt dir2/x.txt
echo *
echo *.txt
echo ?.txt
echo [ab].txt [!ab].*
echo "*.txt" '*'.txt \*.txt
echo .h*
echo */x.txt
echo */*.txt
echo nothing*here
echo dir/*
echo ./*.log
x='*.log'; echo $x "$x"
for f in *.txt; do echo "<$f>"; done
echo [a-c].[lt]*
echo */
echo dir*/../a.txt
set -f; echo *.txt; set +f
y="a.*"; ls $y
echo "$PWD"/*.log | sed "s|$PWD|DIR|"
case a.txt in *.txt) echo matched ;; esac
echo */nothing
ls dir*
echo [[:lower:]].txt
cd ..; rm -r globs.tmp
