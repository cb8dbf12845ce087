// node-redis against a server on 127.0.0.1: `node_redis.mjs PORT`, in RESP2 and RESP3.

import { randomBytes } from 'node:crypto';
import { BIG, PIPELINED, checks, load, main } from './common.mjs';

const { createClient, RESP_TYPES, WatchError } = load('redis');
const { equal, fails } = checks('node-redis');

async function ordinary(client) {
  equal(await client.ping(), 'PONG', 'PING');
  equal(await client.set('nr:k', 'väl', { EX: 100 }), 'OK', 'SET');
  equal(await client.get('nr:k'), 'väl', 'GET');
  equal(await client.get('nr:missing'), null, 'GET of nothing');
  equal(await client.set('nr:k', 'x', { NX: true }), null, 'SET NX');
  equal((await client.ttl('nr:k')) >= 99, true, 'TTL');
  equal(await client.mSet({ 'nr:a': '1', 'nr:b': '2' }), 'OK', 'MSET');
  equal(await client.mGet(['nr:a', 'nr:missing', 'nr:b']), ['1', null, '2'], 'MGET');
  equal(await client.incrBy('nr:a', 41), 42, 'INCRBY');
  equal(await client.hSet('nr:h', { f: 'v', g: 7 }), 2, 'HSET');
  equal({ ...(await client.hGetAll('nr:h')) }, { f: 'v', g: '7' }, 'HGETALL');
  equal(await client.hIncrBy('nr:h', 'g', 3), 10, 'HINCRBY');
  equal((await client.hRandFieldCountWithValues('nr:h', 2)).length, 2, 'HRANDFIELD');
  const found = [];
  for await (const keys of client.scanIterator({ MATCH: 'nr:*', COUNT: 2 })) found.push(...keys);
  equal([...new Set(found)].sort(), ['nr:a', 'nr:b', 'nr:h', 'nr:k'], 'SCAN');
  await fails(client.hGet('nr:a', 'f'), 'WRONGTYPE', 'the wrong type');
  await fails(client.sendCommand(['NOSUCH', 'x']), 'unknown command', 'an unknown command');
  equal({ ...(await client.configGet('databases')) }, { databases: '16' }, 'CONFIG GET');
  equal(/redis_version:\d/.test(await client.info('server')), true, 'INFO');
  equal(await client.del(['nr:a', 'nr:b', 'nr:h', 'nr:k']), 4, 'DEL');
}

// Calls of one turn of the event loop travel together.
async function pipelines(client) {
  const half = [...Array(PIPELINED / 2).keys()];
  const replies = await Promise.all([
    ...half.map((index) => client.set(`nr:p${index}`, `value ${index}`)),
    ...half.map((index) => client.get(`nr:p${index}`)),
  ]);
  equal(replies, [...half.map(() => 'OK'), ...half.map((index) => `value ${index}`)], `${PIPELINED} pipelined requests`);
  const multi = client.multi();
  half.forEach((index) => multi.get(`nr:p${index}`));
  equal(await multi.execAsPipeline(), half.map((index) => `value ${index}`), 'execAsPipeline');
}

async function bigValues(client) {
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const value = randomBytes(BIG);
  const key = Buffer.from('nr:\x00big\xff', 'latin1');
  equal((await binary.set(key, value)).toString(), 'OK', 'SET of 8 MB');
  equal((await binary.get(key)).equals(value), true, 'GET of 8 MB');
  equal(await binary.hSet('nr:bigh', 'f', value), 1, 'HSET of 8 MB');
  equal((await binary.hGet('nr:bigh', 'f')).equals(value), true, 'HGET of 8 MB');
}

async function transactions(client, other) {
  equal(await client.multi().set('nr:t', '1').incr('nr:t').exec(), ['OK', 2], 'MULTI');
  await client.watch('nr:t');
  equal(await client.multi().incr('nr:t').exec(), [3], 'WATCH without a change');
  await client.watch('nr:t');
  await other.set('nr:t', '100');
  const refused = await client.multi().incr('nr:t').exec().catch((error) => error);
  equal(refused instanceof WatchError, true, 'WATCH with a change');
  equal(await client.get('nr:t'), '100', 'nothing of the refused transaction');
}

async function connect(port, version, options) {
  const client = createClient({ url: `redis://127.0.0.1:${port}`, RESP: version, ...options });
  client.on('error', (error) => {
    console.error(`node-redis: ${error}`);
    process.exit(1);
  });
  return client.connect();
}

main('node-redis', async (port, version) => {
  const client = await connect(port, version, { name: 'me' });
  const other = await connect(port, version, { url: `redis://127.0.0.1:${port}/5` });
  equal(await client.clientGetName(), 'me', 'CLIENT GETNAME');
  await ordinary(client);
  equal(await other.set('nr:only-here', '1'), 'OK', 'SET in database 5');
  equal(await client.get('nr:only-here'), null, 'a database of its own');
  equal(await other.getDel('nr:only-here'), '1', 'GETDEL');
  await other.select(0);
  await pipelines(client);
  await bigValues(client);
  await transactions(client, other);
  equal(await client.flushDb(), 'OK', 'FLUSHDB');
  await other.close();
  await client.close();
}, 2, 3);
