// ioredis' cluster client: `cluster_ioredis.mjs PORT...`. What it does is said in cluster_redis_py.py.

import { checks, load } from './common.mjs';
import { KEYS, follow, mainCluster } from './cluster_common.mjs';

const { Cluster } = load('ioredis');
const { equal, fails } = checks('ioredis cluster');

async function ordinary(client, ports) {
  equal(client.nodes('master').map((node) => node.options.port).sort(), [...ports].sort(), 'the nodes');
  for (const node of client.nodes('master')) await node.flushall();
  await Promise.all(KEYS.map((key, index) => client.set(`io:${key}`, index, 'EX', 1000)));
  equal(await Promise.all(KEYS.map((key) => client.get(`io:${key}`))), KEYS.map((_, index) => `${index}`), 'GET');
  const sizes = await Promise.all(client.nodes('master').map((node) => node.dbsize()));
  equal(sizes.reduce((sum, size) => sum + size, 0), KEYS.length, 'DBSIZE of all nodes');
  const found = [];
  for (const node of client.nodes('master')) {
    for await (const keys of node.scanStream({ match: 'io:*', count: 10 })) found.push(...keys);
  }
  equal([...new Set(found)].length, KEYS.length, 'SCAN of all nodes');
  equal(await client.mset({ '{io}:a': 1, '{io}:b': 2 }), 'OK', 'MSET of one slot');
  equal(await client.mget('{io}:a', '{io}:b'), ['1', '2'], 'MGET of one slot');
  await fails(client.mget('io:1', 'io:2'), 'CROSSSLOT', 'MGET of two slots');
  equal(await client.hset('io:h', { f: 'v' }), 1, 'HSET');
  equal(await client.hgetall('io:h'), { f: 'v' }, 'HGETALL');
  equal(await client.multi().set('{io}:t', 1).incr('{io}:t').exec(), [[null, 'OK'], [null, 2]], 'MULTI');
  const replies = await client.pipeline().set('{io}:p', 1).incr('{io}:p').get('{io}:p').exec();
  equal(replies, [[null, 'OK'], [null, 2], [null, '2']], 'a pipeline');
}

mainCluster('ioredis cluster', async (ports) => {
  const client = new Cluster(ports.map((port) => ({ host: '127.0.0.1', port })), { slotsRefreshTimeout: 10_000 });
  await new Promise((done, failed) => client.once('ready', done).once('error', failed));
  await ordinary(client, ports);
  await follow((key, value) => client.set(`io:f${key}`, value), (key) => client.get(`io:f${key}`), equal);
  client.disconnect();
});
