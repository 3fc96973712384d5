import crypto, { type KeyObject } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { beforeAll, expect, it, vi } from 'vitest';
import { createFleet, type FleetKey } from './fleet.test.support.ts';
import { type Operation, operationsOf } from './operations.test.support.ts';
import { links } from './server.test.support.ts';
import { type Counts, World, WrongAnswer } from './world.test.support.ts';

vi.mock('../keys/endpoint.ts', () => ({
  createEndpoint: ({ url }: { url: string }) => ({ link: links.get(url), close: () => {} }),
}));
vi.mock('../keys/feed-connection.ts', () => ({
  connectFeedOf: ({ link }: { link: { connect: unknown } }) => link.connect,
}));
vi.mock('../keys/fetch-key.ts', () => ({ fetchKeyFrom: ({ link }: { link: { fetchKey: unknown } }) => link.fetchKey }));
/** A turn has time for two verifications, however busy the machine is: so both ways of verifying are gone, the same each time. */
vi.mock('../authenticators/turn-budget.ts', async importOriginal => {
  const { TurnBudget } = await importOriginal<typeof import('../authenticators/turn-budget.ts')>();
  return {
    TurnBudget: class extends TurnBudget {
      constructor({ maxMs }: { maxMs: number }) {
        let now = 0;
        super({
          maxMs,
          clock: () => {
            now += 0.6;
            return now;
          },
        });
      }
    },
  };
});

const profile = process.env.SPANPASS_PROFILE === 'nightly' ? { sequences: 60_000 } : { sequences: 1000 };
const first = Number(process.env.SPANPASS_SEED ?? 20_260_300);
const LENGTH = 60;

let fleet: readonly FleetKey[];
beforeAll(async () => {
  // Refusals are many, and nobody reads where they came from.
  Error.stackTraceLimit = 0;
  rememberSignatures();
  fleet = await createFleet();
});

/** Signatures are verified once for real: afterwards nothing waits for a thread, and a sequence is the same each time. */
function rememberSignatures(): void {
  const known = new Map<string, boolean>();
  const real = crypto.verify;
  type Told = (error: Error | null, holds: boolean) => void;
  const remembering = (digest: string, signed: Buffer, key: KeyObject, signature: Buffer, told?: Told) => {
    const name = `${signature.toString('latin1')} ${signed.toString('latin1')}`;
    const holds = known.get(name) ?? real(digest, signed, key, signature);
    known.set(name, holds);
    if (told === undefined) return holds;
    queueMicrotask(() => told(null, holds));
    return undefined;
  };
  crypto.verify = remembering as unknown as typeof real;
  syncBuiltinESMExports();
}

async function run(seed: number, operations: readonly Operation[], counts?: Counts): Promise<WrongAnswer | undefined> {
  const world = new World(fleet, seed);
  try {
    await world.run(operations);
    return undefined;
  } catch (error) {
    if (error instanceof WrongAnswer) return error;
    throw error;
  } finally {
    if (counts) for (const name of ['checks', 'allowed', 'unsure'] as const) counts[name] += world.counts[name];
    await world.dispose();
  }
}

/** Leaves out whatever the failure does not need. */
async function shrink(seed: number, failing: readonly Operation[]): Promise<readonly Operation[]> {
  let operations = failing;
  for (let size = Math.ceil(failing.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < operations.length; ) {
      const fewer = operations.toSpliced(at, size);
      if (await run(seed, fewer)) operations = fewer;
      else at += size;
    }
  }
  return operations;
}

it(`answers as it must, whatever happens in which order (${profile.sequences} sequences from seed ${first} on)`, {
  timeout: 3_600_000,
}, async () => {
  const counts: Counts = { checks: 0, allowed: 0, unsure: 0 };
  for (let seed = first; seed < first + profile.sequences; seed++) {
    const operations = operationsOf(seed, LENGTH);
    const failure = await run(seed, operations, counts);
    if (failure === undefined) continue;
    // Otherwise a part of it took real time, and nothing that was seen can be believed.
    expect(await run(seed, operations), 'a second run of the same sequence').toEqual(failure);
    const fewest = await shrink(seed, operations);
    const error = await run(seed, fewest);
    throw new Error(`SPANPASS_SEED=${seed}: ${error?.message}\n${fewest.map(each => JSON.stringify(each)).join('\n')}`);
  }
  // Otherwise the sequences were so wild, or so tame, that nothing was tested.
  expect(counts.allowed / counts.checks).toBeGreaterThan(0.15);
  expect(counts.unsure / counts.checks).toBeGreaterThan(0.02);
  expect(counts.unsure / counts.checks).toBeLessThan(0.5);
});
