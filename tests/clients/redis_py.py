"""redis-py against a server on 127.0.0.1: `redis_py.py PORT`. Asserts what it reads back; the first difference ends
it with a message and status 1. What the server should answer in every case is left to the transcripts."""

import asyncio
import os
import sys
import time

import redis
import redis.asyncio

BIG = 8 * 1024 * 1024
PIPELINED = 10_000


def equal(found, wanted, what):
    if found != wanted:
        sys.exit(f"redis-py: {what}: found {found!r:.200}, wanted {wanted!r:.200}")


def fails(call, error, text, what):
    try:
        found = call()
    except error as refusal:
        if text not in str(refusal):
            sys.exit(f"redis-py: {what}: {refusal!s:.200}, wanted {text!r}")
    else:
        sys.exit(f"redis-py: {what}: {found!r:.200}, wanted an error")


def ordinary(client):
    equal(client.ping(), True, "PING")
    equal(client.set("py:k", "väl", ex=100), True, "SET")
    equal(client.get("py:k"), "väl".encode(), "GET")
    equal(client.get("py:missing"), None, "GET of nothing")
    equal(client.set("py:k", "2", nx=True), None, "SET NX")
    equal(client.set("py:k", "2", xx=True, keepttl=True, get=True), "väl".encode(), "SET GET")
    equal(99 <= client.ttl("py:k") <= 100, True, "TTL")
    equal(client.getex("py:k", persist=True), b"2", "GETEX")
    equal((client.incr("py:k"), client.decrby("py:k", 5), client.incrbyfloat("py:k", 0.5)), (3, -2, -1.5), "counters")
    equal(client.mset({"py:a": 1, "py:b": 2}), True, "MSET")
    equal(client.mget("py:a", "py:missing", "py:b"), [b"1", None, b"2"], "MGET")
    equal((client.append("py:a", "xyz"), client.getrange("py:a", 1, 2), client.strlen("py:a")), (4, b"xy", 4), "ranges")
    equal(client.hset("py:h", mapping={"f": "v", "g": 7}), 2, "HSET")
    equal(client.hgetall("py:h"), {b"f": b"v", b"g": b"7"}, "HGETALL")
    equal((client.hincrby("py:h", "g", 3), client.hincrbyfloat("py:h", "g", 0.5)), (10, 10.5), "HINCRBY")
    equal(client.hmget("py:h", "f", "x"), [b"v", None], "HMGET")
    equal(sorted(client.hkeys("py:h")), [b"f", b"g"], "HKEYS")
    equal(dict(client.hscan_iter("py:h")), {b"f": b"v", b"g": b"10.5"}, "HSCAN")
    equal(client.hdel("py:h", "f", "x"), 1, "HDEL")
    equal(sorted(client.scan_iter("py:*", count=3)), [b"py:a", b"py:b", b"py:h", b"py:k"], "SCAN")
    equal(client.type("py:h"), b"hash", "TYPE")
    equal(client.copy("py:a", "py:c"), True, "COPY")
    equal(client.rename("py:c", "py:d"), True, "RENAME")
    equal((client.exists("py:a", "py:c", "py:d"), client.expire("py:d", 50), client.persist("py:d")), (2, True, True), "keys")
    equal(client.lcs("py:a", "py:d"), b"1xyz", "LCS")
    fails(lambda: client.hget("py:a", "f"), redis.ResponseError, "WRONGTYPE", "the wrong type")
    fails(lambda: client.execute_command("NOSUCH", "x"), redis.ResponseError, "unknown command", "an unknown command")
    equal(client.ping(), True, "the connection after errors")
    equal(int(client.info("server")["redis_version"].split(".")[0]) >= 7, True, "INFO")
    equal(client.config_get("databases"), {"databases": "16"}, "CONFIG GET")
    equal(client.client_setname("me"), True, "CLIENT SETNAME")
    equal(client.client_getname() in ("me", b"me"), True, "CLIENT GETNAME")
    equal(any(row["name"] == "me" for row in client.client_list()), True, "CLIENT LIST")
    equal("get" in client.command(), True, "COMMAND")
    equal(client.unlink("py:a", "py:b", "py:d", "py:h", "py:k"), 5, "UNLINK")


def databases(client, port, protocol):
    with redis.Redis(port=port, db=5, protocol=protocol) as other:
        other.set("py:only-here", 1)
        equal((other.dbsize(), client.get("py:only-here")), (1, None), "a database of its own")
        equal(other.move("py:only-here", 0), True, "MOVE")
        equal((other.dbsize(), client.getdel("py:only-here")), (0, b"1"), "MOVE")


def pipelines(client):
    with client.pipeline(transaction=False) as pipe:
        for index in range(PIPELINED // 2):
            pipe.set(f"py:p{index}", f"value {index}")
        for index in range(PIPELINED // 2):
            pipe.get(f"py:p{index}")
        replies = pipe.execute()
    wanted = [True] * (PIPELINED // 2) + [f"value {index}".encode() for index in range(PIPELINED // 2)]
    equal(replies == wanted, True, f"{PIPELINED} pipelined requests")
    with client.pipeline(transaction=False) as pipe:
        pipe.set("py:s", "text").incr("py:s").get("py:s")
        replies = pipe.execute(raise_on_error=False)
    equal((replies[0], isinstance(replies[1], redis.ResponseError), replies[2]), (True, True, b"text"), "an error inside")
    client.delete("py:s", *(f"py:p{index}" for index in range(PIPELINED // 2)))


def big_values(client):
    value = os.urandom(BIG)
    equal(client.set(b"py:\x00big\xff", value), True, "SET of 8 MB")
    equal(client.get(b"py:\x00big\xff") == value, True, "GET of 8 MB")
    equal(client.strlen(b"py:\x00big\xff"), BIG, "STRLEN of 8 MB")
    equal(client.hset("py:bigh", "f", value), 1, "HSET of 8 MB")
    equal(client.hget("py:bigh", "f") == value, True, "HGET of 8 MB")
    client.delete(b"py:\x00big\xff", "py:bigh")


def transactions(client, port, protocol):
    with client.pipeline() as pipe:
        equal(pipe.set("py:t", 1).incr("py:t").get("py:t").execute(), [True, 2, b"2"], "MULTI")
    with redis.Redis(port=port, protocol=protocol) as other, client.pipeline() as pipe:
        pipe.watch("py:t")
        pipe.multi()
        pipe.incr("py:t")
        equal(pipe.execute(), [3], "WATCH without a change")
        pipe.watch("py:t")
        other.set("py:t", 100)
        pipe.multi()
        pipe.incr("py:t")
        fails(pipe.execute, redis.WatchError, "", "WATCH with a change")
    equal(client.getdel("py:t"), b"100", "nothing of the refused transaction")

    def increment(pipe):
        found = pipe.get("py:t")
        pipe.multi()
        pipe.set("py:t", int(found or 0) + 1)

    equal(client.transaction(increment, "py:t"), [True], "transaction()")
    client.delete("py:t")


def expiry(client):
    client.set("py:e", 1, px=20)
    deadline = time.monotonic() + 5
    while client.get("py:e") is not None:
        if time.monotonic() > deadline:
            sys.exit("redis-py: a key is still there five seconds after its deadline")


async def asynchronous(port, protocol):
    client = redis.asyncio.Redis(port=port, protocol=protocol)
    await asyncio.gather(*(client.set(f"py:async{index}", index) for index in range(100)))
    found = await client.mget([f"py:async{index}" for index in range(100)])
    equal(found, [str(index).encode() for index in range(100)], "100 calls at once")
    await client.delete(*(f"py:async{index}" for index in range(100)))
    await client.aclose()


def main():
    port = int(sys.argv[1])
    for protocol in (2, 3):
        with redis.Redis(port=port, protocol=protocol, socket_timeout=30) as client:
            ordinary(client)
            databases(client, port, protocol)
            pipelines(client)
            big_values(client)
            transactions(client, port, protocol)
            expiry(client)
        asyncio.run(asynchronous(port, protocol))
        with redis.Redis.from_url(f"redis://127.0.0.1:{port}/1?protocol={protocol}", decode_responses=True) as client:
            equal((client.set("py:u", "ü"), client.get("py:u"), client.delete("py:u")), (True, "ü", 1), "a URL")
    print("redis-py: all as wanted, RESP2 and RESP3")


main()
