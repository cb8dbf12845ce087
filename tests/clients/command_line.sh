#!/usr/bin/env bash
# redis-cli and redis-benchmark against a server on 127.0.0.1: `command_line.sh PORT`. Asserts what they print.
set -euo pipefail

port=$1
cli=(redis-cli -h 127.0.0.1 -p "$port")

fail() {
    echo "redis-cli: $1" >&2
    exit 1
}

# expect WANTED WHAT COMMAND…: the command prints exactly this.
expect() {
    local wanted=$1 what=$2 found
    shift 2
    found=$("$@" 2>&1) || fail "$what: status $?: ${found:0:300}"
    [[ $found == "$wanted" ]] || fail "$what: found ${found:0:300}, wanted $wanted"
}

expect OK "FLUSHALL" "${cli[@]}" FLUSHALL
for version in -2 -3; do
    expect PONG "ping $version" "${cli[@]}" "$version" ping
    expect OK "SET $version" "${cli[@]}" "$version" SET cli:k "a b" EX 100
    expect "a b" "GET $version" "${cli[@]}" "$version" GET cli:k
    expect "" "GET of nothing $version" "${cli[@]}" "$version" GET cli:missing
    "${cli[@]}" "$version" HSET cli:h f v g w >/dev/null
    expect $'v\nw' "HMGET $version" "${cli[@]}" "$version" HMGET cli:h f g
done
expect $'1) "f"\n2) "v"\n3) "g"\n4) "w"' "HGETALL, RESP2" "${cli[@]}" --no-raw HGETALL cli:h
expect $'1# "f" => "v"\n2# "g" => "w"' "HGETALL, RESP3" "${cli[@]}" --no-raw -3 HGETALL cli:h
expect "(nil)" "nil" "${cli[@]}" --no-raw -3 GET cli:missing
expect $'OK\n1\nQUEUED\nQUEUED\nOK\n2' "commands from standard input" bash -c \
    "printf 'SELECT 2\nINCR n\n' | ${cli[*]} && printf 'MULTI\nSET n 1\nINCR n\nEXEC\n' | ${cli[*]} -n 2 | tail -n +2"
expect hello "-x" bash -c "printf hello | ${cli[*]} -x SET cli:x >/dev/null && ${cli[*]} GET cli:x"
expect $'cli:h\ncli:k\ncli:x' "--scan" bash -c "${cli[*]} --scan --pattern 'cli:*' | sort"
"${cli[@]}" --bigkeys | grep -q 'Biggest   hash found .*cli:h.* has 2 fields' || fail "--bigkeys does not tell of cli:h"

# --pipe: 10,000 requests in one go.
reply=$(for index in $(seq 1 10000); do printf 'SET cli:p%s %s\r\n' "$index" "$index"; done | "${cli[@]}" --pipe)
[[ $reply == *"errors: 0, replies: 10000"* ]] || fail "--pipe: $reply"
expect 10000 "the last of --pipe" "${cli[@]}" GET cli:p10000
expect 10003 "DBSIZE" "${cli[@]}" DBSIZE

# 8 MB through files, both ways.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
head -c $((8 * 1024 * 1024)) /dev/urandom >"$work/sent"
expect OK "SET of 8 MB" bash -c "${cli[*]} -x SET cli:big <'$work/sent'"
# redis-cli adds a line feed to a raw reply.
"${cli[@]}" --raw GET cli:big | head -c -1 >"$work/found"
cmp -s "$work/sent" "$work/found" || fail "8 MB came back different"
expect OK "FLUSHALL" "${cli[@]}" FLUSHALL

report=$(redis-benchmark -h 127.0.0.1 -p "$port" -n 20000 -P 16 -q --csv -t set,get,incr,hset,mset,ping 2>&1)
[[ $report != *[Ee]rror* ]] || fail "redis-benchmark: $report"
for test in PING_INLINE PING_MBULK SET GET INCR HSET "MSET (10 keys)"; do
    [[ $report == *"\"$test\""* ]] || fail "redis-benchmark has no row for $test: $report"
done
expect string "what redis-benchmark left" "${cli[@]}" TYPE key:__rand_int__
echo "redis-cli, redis-benchmark: all as wanted, RESP2 and RESP3"
