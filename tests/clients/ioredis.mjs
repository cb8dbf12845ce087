// ioredis against a server on 127.0.0.1: `ioredis.mjs PORT`. It speaks RESP2 only.

import { randomBytes } from 'node:crypto';
import { BIG, PIPELINED, checks, load, main } from './common.mjs';

const { Redis } = load('ioredis');
const { equal, fails } = checks('ioredis');

async function ordinary(client) {
  equal(await client.ping(), 'PONG', 'PING');
  equal(await client.set('io:k', 'väl', 'EX', 100), 'OK', 'SET');
  equal(await client.get('io:k'), 'väl', 'GET');
  equal(await client.get('io:missing'), null, 'GET of nothing');
  equal(await client.set('io:k', 'x', 'NX'), null, 'SET NX');
  equal((await client.ttl('io:k')) >= 99, true, 'TTL');
  equal(await client.mset({ 'io:a': 1, 'io:b': 2 }), 'OK', 'MSET');
  equal(await client.mget('io:a', 'io:missing', 'io:b'), ['1', null, '2'], 'MGET');
  equal(await client.incrby('io:a', 41), 42, 'INCRBY');
  equal(await client.hset('io:h', { f: 'v', g: 7 }), 2, 'HSET');
  equal(await client.hgetall('io:h'), { f: 'v', g: '7' }, 'HGETALL');
  equal(await client.hincrby('io:h', 'g', 3), 10, 'HINCRBY');
  const found = [];
  for await (const keys of client.scanStream({ match: 'io:*', count: 2 })) found.push(...keys);
  equal([...new Set(found)].sort(), ['io:a', 'io:b', 'io:h', 'io:k'], 'SCAN');
  await fails(client.hget('io:a', 'f'), 'WRONGTYPE', 'the wrong type');
  await fails(client.call('NOSUCH', 'x'), 'unknown command', 'an unknown command');
  equal(/redis_version:\d/.test(await client.info('server')), true, 'INFO');
  equal(await client.del('io:a', 'io:b', 'io:h', 'io:k'), 4, 'DEL');
}

async function pipelines(client) {
  const pipeline = client.pipeline();
  for (let index = 0; index < PIPELINED / 2; index += 1) pipeline.set(`io:p${index}`, `value ${index}`);
  for (let index = 0; index < PIPELINED / 2; index += 1) pipeline.get(`io:p${index}`);
  const replies = await pipeline.exec();
  const wrong = replies.findIndex(([error, reply], index) => {
    const wanted = index < PIPELINED / 2 ? 'OK' : `value ${index - PIPELINED / 2}`;
    return error !== null || reply !== wanted;
  });
  equal([replies.length, wrong], [PIPELINED, -1], `${PIPELINED} pipelined requests`);
  const mixed = await client.pipeline().set('io:s', 'text').incr('io:s').get('io:s').exec();
  equal([mixed[0][1], mixed[1][0] instanceof Error, mixed[2][1]], ['OK', true, 'text'], 'an error inside');
}

async function bigValues(client) {
  const value = randomBytes(BIG);
  const key = Buffer.from('io:\x00big\xff', 'latin1');
  equal(await client.set(key, value), 'OK', 'SET of 8 MB');
  equal((await client.getBuffer(key)).equals(value), true, 'GET of 8 MB');
  equal(await client.hset('io:bigh', 'f', value), 1, 'HSET of 8 MB');
  equal((await client.hgetBuffer('io:bigh', 'f')).equals(value), true, 'HGET of 8 MB');
}

async function transactions(client, port) {
  equal(await client.multi().set('io:t', 1).incr('io:t').exec(), [[null, 'OK'], [null, 2]], 'MULTI');
  await client.watch('io:t');
  equal(await client.multi().incr('io:t').exec(), [[null, 3]], 'WATCH without a change');
  const other = new Redis(port, '127.0.0.1');
  await client.watch('io:t');
  await other.set('io:t', 100);
  equal(await client.multi().incr('io:t').exec(), null, 'WATCH with a change');
  equal(await client.get('io:t'), '100', 'nothing of the refused transaction');
  await other.quit();
}

async function databases(client, port) {
  const other = new Redis(`redis://127.0.0.1:${port}/5`);
  equal(await other.set('io:only-here', 1), 'OK', 'SET in database 5');
  equal(await client.get('io:only-here'), null, 'a database of its own');
  equal(await other.getdel('io:only-here'), '1', 'GETDEL');
  await other.quit();
}

main('ioredis', async (port) => {
  const client = new Redis({ port, host: '127.0.0.1', connectionName: 'me', maxRetriesPerRequest: 1 });
  equal(await client.client('GETNAME'), 'me', 'CLIENT GETNAME');
  await ordinary(client);
  await pipelines(client);
  await bigValues(client);
  await transactions(client, port);
  await databases(client, port);
  equal(await client.flushdb(), 'OK', 'FLUSHDB');
  equal(await client.quit(), 'OK', 'QUIT');
}, 2);
