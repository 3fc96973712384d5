import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { repoRoot } from '../engines/root.ts';
import type { CheckClient } from '../harness/check-client.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { PROMISED_MIXES, rowOf } from './mixes.ts';
import { bothReleases, type Release } from './releases.ts';
import { answers, type Plane, passOf, startPlane, startServer } from './stand.ts';

const NAMES = ['previous', 'current'] as const;

it('the page on upgrades promises these mixes, and no others', async () => {
  const page = await readFile(join(repoRoot, 'docs/operations/upgrades.md'), 'utf8');
  const table = page.split('\n').flatMap(line => /^\| (previous|current) .*$/.exec(line) ?? []);
  const rows = page
    .split('\n')
    .filter(line => /^\|\s+(?:previous|current)\s/.test(line))
    .map(line => line.replace(/\s+/g, ' '));
  expect(table.length).toBeGreaterThan(0);
  expect(rows).toEqual(PROMISED_MIXES.map(rowOf));
});

await describeWithEngine(['previous'], 'two versions work together', engines => {
  const stage = new Stage();
  let releases: Readonly<Record<Release['name'], Release>>;
  let folder: string;

  beforeAll(async () => {
    releases = await bothReleases(engines.previous.path);
    folder = await tempDir(stage, 'mixes');
  });
  afterAll(() => stage.dispose());

  describe.each(NAMES)('a control plane of the %s version', planeName => {
    let plane: Plane;
    let servers: Readonly<Record<Release['name'], CheckClient>>;

    beforeAll(async () => {
      plane = await startPlane(stage, releases[planeName], { folder: join(folder, planeName) });
      const [previous, current] = await Promise.all(NAMES.map(name => startServer(stage, releases[name], plane)));
      if (previous === undefined || current === undefined) throw new Error('a server is missing');
      servers = { previous, current };
    });

    const mixes = PROMISED_MIXES.filter(({ controlPlane }) => controlPlane === planeName);
    it.each(mixes)('with an auth server of the $authServer and a piped of the $piped one', async mix => {
      const [server, { client }] = [servers[mix.authServer], releases[mix.piped]];
      const other = releases[mix.piped === 'current' ? 'previous' : 'current'];
      const name = { project: 'shop', piped: `${mix.authServer}-${mix.piped}` };
      const keyFile = join(folder, `${planeName}-${name.piped}.json`);

      const { enrollmentToken } = await plane.admin.registerPiped(name);
      const { kid } = await client.enroll({ controlPlane: plane.url, enrollmentToken, keyFile });
      const first = await passOf(releases[mix.piped], keyFile);
      await answers(server, first, 'allowed');

      await plane.admin.disablePiped(name);
      await answers(server, first, 'piped_disabled');
      await plane.admin.enablePiped(name);
      await answers(server, first, 'allowed');

      const renewed = await client.renew({ keyFile });
      expect(renewed.kid).not.toBe(kid);
      await answers(server, await passOf(releases[mix.piped], keyFile), 'allowed');
      await plane.admin.revokeKey(kid, { force: true });
      await answers(server, first, 'key_revoked');

      // What one version wrote the other reads, signs with, and replaces.
      expect(await other.client.readKeyFile(keyFile)).toEqual(await client.readKeyFile(keyFile));
      await answers(server, await passOf(other, keyFile), 'allowed');
      const { kid: last } = await other.client.renew({ keyFile });
      expect(await client.readKeyFile(keyFile)).toMatchObject({ kid: last, ...name });
      await answers(server, await passOf(releases[mix.piped], keyFile), 'allowed');

      await using exchanged = client.exchangedSource({ keyFile });
      expect((await exchanged.credential()).split('.')).toHaveLength(3);
    });
  });
});
