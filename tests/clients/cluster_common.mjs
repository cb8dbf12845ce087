// What the tests of the Node cluster clients share: going on while nodes come and go, and how a script ends.

/** Names of keys that lie on all nodes. */
export const KEYS = Array.from({ length: 300 }, (_, index) => `${index}`);

let inputEnded = false;

/** Says `ready`, then writes and reads until standard input ends. Every key holds the number of its last write. */
export async function follow(set, get, equal) {
  console.log('ready');
  let rounds = 0;
  while (!inputEnded) {
    rounds += 1;
    const value = `${rounds}`;
    equal((await Promise.all(KEYS.map((key) => set(key, value)))).every((reply) => reply === 'OK'), true, 'SET on the way');
    equal((await Promise.all(KEYS.map(get))).every((found) => found === value), true, 'GET on the way');
  }
  equal(await Promise.all(KEYS.map(get)), KEYS.map(() => (rounds ? `${rounds}` : null)), 'the last writes');
  console.log(`${rounds} rounds`);
}

/** Runs the test; ends the process with status 1 at the first difference. */
export async function mainCluster(library, test) {
  process.stdin.on('end', () => { inputEnded = true; }).resume();
  const ports = process.argv.slice(2).map(Number);
  try {
    await test(ports);
    console.log(`${library}: all as wanted`);
    process.exit(0);
  } catch (error) {
    console.error(error.stack ?? error);
    process.exit(1);
  }
}
