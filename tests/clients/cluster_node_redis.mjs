// node-redis' cluster client: `cluster_node_redis.mjs PORT...`. What it does is said in cluster_redis_py.py.

import { checks, load } from './common.mjs';
import { KEYS, follow, mainCluster } from './cluster_common.mjs';

const { createCluster } = load('redis');
const { equal, fails } = checks('node-redis cluster');

async function ordinary(client, ports) {
  equal(client.masters.map((node) => node.port).sort(), [...ports].sort(), 'the nodes');
  for (const master of client.masters) await (await client.nodeClient(master)).flushAll();
  await Promise.all(KEYS.map((key, index) => client.set(`nr:${key}`, `${index}`, { EX: 1000 })));
  equal(await Promise.all(KEYS.map((key) => client.get(`nr:${key}`))), KEYS.map((_, index) => `${index}`), 'GET');
  let size = 0;
  const found = new Set();
  for (const master of client.masters) {
    const node = await client.nodeClient(master);
    size += await node.dbSize();
    for await (const keys of node.scanIterator({ MATCH: 'nr:*', COUNT: 10 })) keys.forEach((key) => found.add(key));
  }
  equal([size, found.size], [KEYS.length, KEYS.length], 'DBSIZE and SCAN of all nodes');
  equal(await client.mSet({ '{nr}:a': '1', '{nr}:b': '2' }), 'OK', 'MSET of one slot');
  equal(await client.mGet(['{nr}:a', '{nr}:b']), ['1', '2'], 'MGET of one slot');
  await fails(client.mGet(['nr:1', 'nr:2']), 'CROSSSLOT', 'MGET of two slots');
  equal(await client.multi().set('{nr}:t', '1').incr('{nr}:t').exec(), ['OK', 2], 'MULTI');
  equal(await client.hSet('nr:h', { f: 'v' }), 1, 'HSET');
}

mainCluster('node-redis cluster', async (ports) => {
  for (const version of [2, 3]) {
    const rootNodes = ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }));
    const client = createCluster({ rootNodes, defaults: { RESP: version } });
    client.on('error', (error) => console.error(`node-redis cluster: ${error}`));
    await client.connect();
    await ordinary(client, ports);
    if (version === 3) {
      await follow((key, value) => client.set(`nr:f${key}`, value), (key) => client.get(`nr:f${key}`), equal);
    }
    await client.close();
  }
});
