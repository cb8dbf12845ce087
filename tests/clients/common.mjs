// What the Node client tests share: where their libraries lie, and how a difference is told.

import { createRequire } from 'node:module';
import { isDeepStrictEqual, inspect } from 'node:util';

/** Loads from tests/.tools/node, where tests/run installs the libraries. */
export const load = createRequire(new URL('../.tools/node/package.json', import.meta.url));

export const BIG = 8 * 1024 * 1024;
export const PIPELINED = 10_000;

export function checks(library) {
  const show = (value) => inspect(value).slice(0, 200);
  const equal = (found, wanted, what) => {
    if (!isDeepStrictEqual(found, wanted)) {
      throw new Error(`${library}: ${what}: found ${show(found)}, wanted ${show(wanted)}`);
    }
  };
  const fails = async (promise, text, what) => {
    const found = await promise.then((value) => show(value), (error) => error);
    if (!(found instanceof Error) || !`${found.name} ${found.message}`.includes(text)) {
      throw new Error(`${library}: ${what}: found ${show(found)}, wanted an error with ${text}`);
    }
  };
  return { equal, fails };
}

/** Runs the test for each protocol version it is given; ends the process with status 1 at the first difference. */
export async function main(library, test, ...versions) {
  const port = Number(process.argv[2]);
  try {
    for (const version of versions) {
      await test(port, version);
    }
    console.log(`${library}: all as wanted, ${versions.map((version) => `RESP${version}`).join(' and ')}`);
    process.exit(0);
  } catch (error) {
    console.error(error.stack ?? error);
    process.exit(1);
  }
}
