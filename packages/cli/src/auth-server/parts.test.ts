import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKeyPair } from '@spanpass/credential';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authServerSettings } from '../settings/auth-server.ts';
import { controlPlaneOf } from './parts.ts';

const { kid, publicJwk, privateJwk } = await createKeyPair('ES256');
const snapshotKeys = { keys: [publicJwk] };
const snapshotFile = '/var/lib/spanpass/keys.snapshot';

let dir: string;
const file = (name: string) => join(dir, name);
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-parts-'));
  await writeFile(file('keys.json'), JSON.stringify(snapshotKeys));
  await writeFile(file('private.json'), JSON.stringify({ keys: [privateJwk] }));
  await writeFile(file('text.json'), 'keys');
});
afterAll(() => rm(dir, { recursive: true }));

const of = (settings: object) =>
  controlPlaneOf(authServerSettings.parse({ authServerToken: 'a-token-of-the-tests', ...settings }));

describe('snapshots of the keys', () => {
  it('are kept where it is said, for the keys that are given or in a file', async () => {
    expect(await of({})).not.toHaveProperty('snapshotFile');
    const given = await of({ snapshotFile, snapshotKeys, snapshotEveryMs: 5000 });
    expect(given).toMatchObject({ snapshotFile, snapshotEveryMs: 5000 });
    expect(given.snapshotKeys).toEqual(new Map([[kid, publicJwk]]));
    const read = await of({ snapshotFile, snapshotKeysFile: file('keys.json') });
    expect(read.snapshotKeys).toEqual(given.snapshotKeys);
  });

  it.each<[string, () => object]>([
    ['snapshotFile: needs snapshotKeys or snapshotKeysFile', () => ({ snapshotFile })],
    ['snapshotKeys: of no use without snapshotFile', () => ({ snapshotKeys })],
    ['snapshotKeys: snapshot keys: keys does not fit', () => ({ snapshotFile, snapshotKeys: { keys: [] } })],
    ['private.json: publicJwk', () => ({ snapshotFile, snapshotKeysFile: file('private.json') })],
    ['text.json: is not JSON', () => ({ snapshotFile, snapshotKeysFile: file('text.json') })],
    ["can't read", () => ({ snapshotFile, snapshotKeysFile: file('none.json') })],
  ])('are refused at the start: %s', async (message, settings) => {
    await expect(of(settings())).rejects.toThrow(message);
  });
});
