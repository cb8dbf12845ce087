"""redis-py's cluster client: `cluster_redis_py.py PORT...`, one port of each node for cluster-aware clients. Asserts what
it reads back, then says `ready` and goes on writing and reading until its standard input ends, whatever happens to the
nodes meanwhile; the first difference or error ends it with a message and status 1."""

import asyncio
import select
import sys

import redis
import redis.asyncio.cluster
from redis.cluster import ClusterNode, RedisCluster

KEYS = 300
AT_ONCE = 50


def equal(found, wanted, what):
    if found != wanted:
        sys.exit(f"redis-py cluster: {what}: found {found!r:.200}, wanted {wanted!r:.200}")


def connect(ports, protocol):
    nodes = [ClusterNode("127.0.0.1", port) for port in ports]
    return RedisCluster(startup_nodes=nodes, protocol=protocol, decode_responses=True, socket_timeout=30)


def topology(client, ports):
    found = sorted(node.port for node in client.get_primaries())
    equal(found, sorted(ports), "the nodes")
    equal(client.cluster_info(target_nodes=client.get_random_node())["cluster_state"], "ok", "CLUSTER INFO")
    equal(client.cluster_keyslot("foo"), 12182, "CLUSTER KEYSLOT")
    equal(len(client.cluster_nodes()), len(ports), "CLUSTER NODES")
    slots = client.cluster_slots()
    equal(sum(last - first + 1 for first, last in slots), 16384, "CLUSTER SLOTS")
    shards = client.execute_command("CLUSTER SHARDS", target_nodes=client.get_random_node())
    equal(len(shards), len(ports), "CLUSTER SHARDS")


def ordinary(client):
    client.flushall(target_nodes=RedisCluster.PRIMARIES)
    for number in range(KEYS):
        equal(client.set(f"py:{number}", number, ex=1000), True, "SET")
    equal([client.get(f"py:{number}") for number in range(KEYS)], [str(number) for number in range(KEYS)], "GET")
    equal(client.dbsize(target_nodes=RedisCluster.PRIMARIES), KEYS, "DBSIZE of all nodes")
    equal(sorted(client.scan_iter("py:*", count=10)), sorted(f"py:{number}" for number in range(KEYS)), "SCAN of all nodes")
    equal(len(client.keys("py:*", target_nodes=RedisCluster.PRIMARIES)), KEYS, "KEYS of all nodes")
    equal(client.mget_nonatomic([f"py:{number}" for number in range(9)]), [str(n) for n in range(9)], "MGET by slot")
    equal(client.mset_nonatomic({f"py:{number}": "x" for number in range(9)}), [True] * 9, "MSET by slot")
    equal(client.mget("{py}:1", "{py}:2"), [None, None], "MGET of one slot")
    try:
        client.execute_command("MGET", "py:1", "py:2", target_nodes=client.get_random_node())
        equal("no error", "CROSSSLOT", "MGET of two slots")
    except redis.ResponseError as error:
        equal("CROSSSLOT" in str(error) or "same slot" in str(error), True, f"MGET of two slots: {error}")
    slot = client.keyslot("py:1")
    equal(client.cluster_countkeysinslot(slot) >= 1, True, "CLUSTER COUNTKEYSINSLOT")
    equal("py:1" in client.cluster_get_keys_in_slot(slot, 100), True, "CLUSTER GETKEYSINSLOT")
    equal(client.delete(*(f"py:{number}" for number in range(KEYS))), KEYS, "DEL over all nodes")


def pipelines(client):
    with client.pipeline() as pipe:
        for number in range(KEYS):
            pipe.set(f"pp:{number}", number)
        for number in range(KEYS):
            pipe.get(f"pp:{number}")
        equal(pipe.execute(), [True] * KEYS + [str(number) for number in range(KEYS)], "a pipeline over all nodes")
    with client.pipeline(transaction=True) as pipe:
        pipe.set("{tx}:a", 1)
        pipe.incr("{tx}:a")
        pipe.set("{tx}:b", 7)
        equal([str(reply) in ("True", "OK", "2") for reply in pipe.execute()], [True] * 3, "MULTI")
        equal(client.mget("{tx}:a", "{tx}:b"), ["2", "7"], "what MULTI did")
    client.flushall(target_nodes=RedisCluster.PRIMARIES)


async def asynchronous(ports):
    nodes = [redis.asyncio.cluster.ClusterNode("127.0.0.1", port) for port in ports]
    async with redis.asyncio.cluster.RedisCluster(startup_nodes=nodes, decode_responses=True) as client:
        # No more at once than the client has connections for.
        for first in range(0, KEYS, AT_ONCE):
            numbers = range(first, first + AT_ONCE)
            await asyncio.gather(*(client.set(f"pa:{number}", number) for number in numbers))
            found = await asyncio.gather(*(client.get(f"pa:{number}") for number in numbers))
            equal(found, [str(number) for number in numbers], "calls at once")


def follow(client):
    """Every key holds the number of its last write, so a lost write shows."""
    print("ready", flush=True)
    rounds = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        rounds += 1
        for number in range(KEYS):
            equal(client.set(f"py:f{number}", rounds), True, "SET on the way")
            equal(client.get(f"py:f{number}"), str(rounds), "GET on the way")
    found = [client.get(f"py:f{number}") for number in range(KEYS)]
    equal(found, [str(rounds)] * KEYS if rounds else [None] * KEYS, "the last writes")
    return rounds


def main():
    ports = [int(port) for port in sys.argv[1:]]
    for protocol in (2, 3):
        client = connect(ports, protocol)
        topology(client, ports)
        ordinary(client)
        pipelines(client)
        client.close()
    asyncio.run(asynchronous(ports))
    client = connect(ports, 3)
    rounds = follow(client)
    print(f"redis-py cluster: all as wanted, {rounds} rounds")


main()
