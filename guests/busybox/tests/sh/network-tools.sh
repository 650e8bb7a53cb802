# oracle: none
# nc, wget, curl and nslookup, among the processes of a pod. The other scripts' containers share its network: every port is used once.
answer() { printf 'HTTP/1.1 %s\r\nContent-Length: %s\r\n\r\n%s' "$1" "${#2}" "$2"; }

nc -z localhost 7101; echo "closed port: $?"
nc -l -k -p 7101 </dev/null >listener.tmp & listener=$!
n=0; until nc -z localhost 7101 || [ $n -eq 50 ]; do sleep 0.1; n=$((n+1)); done; [ $n -lt 50 ]; echo "open port: $?"
nc -z 127.0.0.1 7099-7101; echo "one of several: $?"
for i in 1 2 3; do echo "line $i" | nc localhost 7101; done; echo "sent: $?"
sleep 0.3; kill $listener; cat listener.tmp
nc -z no-such-name.invalid 80; echo "unknown name: $?"
nc -w 1 -l -p 7102; echo "nobody came: $?"

# Both ways, and each end is seen by the other.
{ echo from the server; sleep 0.2; echo and more; } | nc -l -p 7103 >server.tmp &
sleep 0.3; echo from the client | nc localhost 7103; echo "client: $?"
wait; cat server.tmp

seq 20000 >long.tmp
nc -l -p 7104 <long.tmp & sleep 0.3
nc localhost 7104 </dev/null | cmp_sum=$(sha256sum <long.tmp) sh -c '[ "$(sha256sum)" = "$cmp_sum" ] && echo "all of a file"'
wait

nc -u -l -w 1 -p 7105 </dev/null >datagram.tmp & sleep 0.3
echo datagram | nc -u -w 1 localhost 7105; echo "udp: $?"
wait; cat datagram.tmp

answer '200 OK' 'by wget' | nc -l -p 7106 >request.tmp & sleep 0.3
wget -q -O - http://localhost:7106/a/b?c; echo " $?"
wait; head -n 2 request.tmp | tr -d '\r'
answer '404 Not Found' gone | nc -l -p 7107 >/dev/null & sleep 0.3
wget -q -O - localhost:7107; echo "wget and 404: $?"
wait
wget -q -O - localhost:7199; echo "wget and nobody: $?"

answer '200 OK' 'by curl' | nc -l -p 7108 >request.tmp & sleep 0.3
curl -s -H 'X-One: 1' -d 'the body' -w ' %{http_code}\n' localhost:7108/a; echo $?
wait; tr -d '\r' <request.tmp | grep -e POST -e X-One -e body
answer '404 Not Found' gone | nc -l -p 7109 >/dev/null & sleep 0.3
curl -s -f localhost:7109; echo "curl and 404: $?"
wait
answer '404 Not Found' gone | nc -l -p 7110 >/dev/null & sleep 0.3
curl -s -o saved.tmp localhost:7110; echo "curl without -f: $? $(cat saved.tmp)"
wait
printf 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nin p\r\n5\r\narts\n\r\n0\r\n\r\n' | nc -l -p 7111 >/dev/null & sleep 0.3
curl -s localhost:7111; echo "chunks: $?"
wait
curl -s localhost:7199; echo "curl and nobody: $?"
curl -S -s localhost:7199 2>&1 | sed 's/after [0-9]* ms/after N ms/'
curl -s no-such-name.invalid; echo "curl and no name: $?"
sleep 3 | nc -l -p 7112 >/dev/null & sleep 0.3
curl -s -m 0.5 localhost:7112; echo "curl and silence: $?"

nslookup localhost | grep -c 'Address 1: 127.0.0.1'
nslookup no-such-name.invalid 2>&1 | tail -n 1
bash --norc -c 'echo "bash is $0"'
rm *.tmp
