#!/usr/bin/env bash
# redis-cli -c and redis-benchmark --cluster: `cluster_command_line.sh PORT...`. What it does is said in
# cluster_redis_py.py; each command is a process of its own, so every one of them has to find its way.
set -euo pipefail

ports=("$@")
cli=(timeout 20 redis-cli -c -h 127.0.0.1 -p "${ports[0]}")

fail() {
    echo "redis-cli -c: $1" >&2
    exit 1
}

for port in "${ports[@]}"; do
    reply=$(timeout 20 redis-cli -h 127.0.0.1 -p "$port" FLUSHALL)
    [[ $reply == OK ]] || fail "FLUSHALL on $port: $reply"
    timeout 20 redis-cli -h 127.0.0.1 -p "$port" INFO cluster | grep -q '^cluster_enabled:1' || fail "INFO on $port"
done

# One process that is sent from node to node.
replies=$(for number in $(seq 1 200); do echo "SET cli:$number $number"; done | "${cli[@]}" | grep -c '^OK$')
[[ $replies == 200 ]] || fail "200 SET, $replies answered with OK"
found=$(for number in $(seq 1 200); do echo "GET cli:$number"; done | "${cli[@]}" | grep -v '^-> ' | paste -sd' ')
[[ $found == "$(seq -s' ' 1 200)" ]] || fail "GET: ${found:0:200}"
# A node that lost the key a moment ago, as happens while a cluster forms, serves it for a second instead.
moved=0
for ((deadline = SECONDS + 20; moved != ${#ports[@]} - 1 && SECONDS < deadline; )); do
    replies=$(for port in "${ports[@]}"; do timeout 20 redis-cli -p "$port" GET cli:1 2>&1 || true; done)
    moved=$(grep -c '^MOVED' <<<"$replies" || true)
    ((moved == ${#ports[@]} - 1)) || sleep 0.1
done
((moved == ${#ports[@]} - 1)) || fail "$moved of ${#ports[@]} nodes answer MOVED: $replies"

report=$(timeout 120 redis-benchmark --cluster -h 127.0.0.1 -p "${ports[0]}" -n 20000 -r 10000 -P 8 -q --csv -t set,get,incr 2>&1) ||
    fail "redis-benchmark: ${report:0:500}"
[[ $report != *[Ee]rror* ]] || fail "redis-benchmark: ${report:0:500}"
for test in SET GET INCR; do
    [[ $report == *"\"$test\""* ]] || fail "redis-benchmark has no row for $test: ${report:0:500}"
done

echo ready
rounds=0
while read -r -t 0.001 _ || (($? > 128)); do
    ((rounds += 1))
    for number in $(seq 1 20); do
        reply=$("${cli[@]}" SET "cli:f$number" "$rounds" 2>&1) || fail "SET on the way: $reply"
        [[ $reply == OK ]] || fail "SET on the way: $reply"
        reply=$("${cli[@]}" GET "cli:f$number" 2>&1) || fail "GET on the way: $reply"
        [[ $reply == "$rounds" ]] || fail "GET on the way: found $reply, wanted $rounds"
    done
done
echo "redis-cli -c, redis-benchmark --cluster: all as wanted, $rounds rounds"
