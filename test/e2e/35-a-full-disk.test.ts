import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { type RunningPostgres, startPostgres } from '../harness/postgres.ts';
import type { RunningProcess } from '../harness/process.ts';
import { startControlPlane } from '../harness/servers.ts';
import { canMount, mountSmallDisk, type SmallDisk } from '../harness/small-disk.ts';
import { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';
import { expectBooksToHold, expectFollowed, readBooks } from './registry-books.ts';
import { followRegistry } from './registry-follower.ts';
import { startRegistryWorld, tokens } from './registry-world.ts';
import { startWriters } from './registry-writers.ts';

interface Filled {
  readonly disk: SmallDisk;
  readonly url: string;
  /** Brings back what came to a halt, if anything did. */
  revive(): Promise<void>;
}

/** Writes until the disk is full and nothing is taken in any more, frees it, and writes on. */
async function filled({ disk, url, revive }: Filled): Promise<void> {
  const follower = followRegistry({ urls: [url], token: tokens.authServer, since: 0 });
  const writers = startWriters({ url: () => url, token: tokens.admin, project: 'shop' });
  try {
    await waitFor('writes', () => writers.count > 20, 30_000);
    await disk.fill();
    // What is refused is refused as something that passes: the writers take anything but 503 and a lost answer for a failure.
    const isStuck = async () => {
      const before = writers.count;
      await disk.fill();
      await sleep(1_500);
      return writers.count === before;
    };
    await waitFor('a full disk', isStuck, 90_000);
    await disk.free();
    await revive();
    const before = writers.count;
    await waitFor('writes after that', () => writers.count > before + 20, 60_000);
    await writers.stop();
    const books = await readBooks(url, tokens);
    await expectBooksToHold(books, writers.pipeds);
    const last = books.changes.at(-1)?.revision ?? 0;
    await waitFor('the follower', () => follower.known >= last, 15_000);
    await follower.stop();
    expectFollowed(follower.changes, books, 0);
    expect(follower.resets).toBe(0);
  } finally {
    await Promise.allSettled([writers.stop(), follower.stop()]);
  }
}

const mountable = await canMount();
const inTitle = mountable ? '' : ' (skipped: only root can mount a small disk)';

describe.runIf(mountable)(`a full disk under the embedded database${inTitle}`, () => {
  const stage = new Stage();
  afterEach(() => stage.dispose());

  it('loses nothing that was acknowledged, and what it does not take in it says so', { timeout: 180_000 }, async () => {
    const disk = await mountSmallDisk(stage, 120);
    const world = await startRegistryWorld(stage, { folder: disk.folder });
    let controlPlane: RunningProcess = world.controlPlane;
    await filled({
      disk,
      url: world.url,
      async revive() {
        // The database inside the process may have come to a halt, which the probe says; whoever runs it starts it again.
        const answer = await fetch(`${world.url}/readyz`).catch(() => undefined);
        process.stderr.write(`readyz after a full disk: ${answer?.status}\n`);
        if (answer?.ok) return;
        await controlPlane.stop();
        controlPlane = await startControlPlane(stage, world.settings);
      },
    });
  });
});

if (mountable) {
  await describeWithEngine(['postgres'], 'a full disk under PostgreSQL', engines => {
    const stage = new Stage();
    afterEach(() => stage.dispose());

    it('loses nothing that was acknowledged, and goes on by itself', { timeout: 240_000 }, async () => {
      const disk = await mountSmallDisk(stage, 160);
      await chmod(disk.folder, 0o755);
      const folder = join(disk.folder, 'postgres');
      await mkdir(folder);
      const database: RunningPostgres = await startPostgres(stage, engines.postgres, { folder });
      const world = await startRegistryWorld(stage, { databaseUrl: database.url });
      await filled({
        disk,
        url: world.url,
        async revive() {
          if (database.hasExited()) await database.restart();
        },
      });
      expect(world.controlPlane.hasExited()).toBe(false);
    });
  });
}
