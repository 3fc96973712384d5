import { chmod, mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { createKeyPair, type KeyRecord, parseSnapshotKeys } from '@spanpass/credential';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../fixture.test.support.ts';
import type { ControlPlaneKeysOptions } from '../control-plane-keys.ts';
import { createLiveKeys, one, until } from '../live-keys.test.support.ts';
import { createKept, snapshotKeys, snapshotPath, storyOf } from './snapshot.test.support.ts';

const statusOf = (record: KeyRecord | undefined) => record?.keyStatus;
const stranger = await createKeyPair('ES256');
const otherKeys = await parseSnapshotKeys({ keys: [stranger.publicJwk] });

type Kept = Awaited<ReturnType<typeof createKept>>;

describe('a snapshot is not used, and the reason is told, when', () => {
  const edit = (change: (text: string) => string) => async (kept: Kept) => {
    await kept.write(change((await kept.read()).toString('latin1')));
  };
  const revoke = async ({ controlPlane, keys }: Kept) => {
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    await until(() => statusOf(keys.peek(one.kid)) === 'revoked');
  };

  it.each<[reason: string, when: string, prepare: (kept: Kept) => Promise<unknown>, Partial<ControlPlaneKeysOptions>?]>(
    [
      ['missing', 'there is none', ({ file }) => rm(file)],
      ['body_mismatch', 'a record was changed', edit(text => text.replace('"edge-1"', '"edge-2"'))],
      ['body_mismatch', 'a record was added to the end', edit(text => text.replace(']}\n', ',{}]}\n'))],
      ['malformed', 'it ends within its body', edit(text => text.slice(0, -100))],
      ['malformed', 'it ends before its body', edit(text => text.slice(0, text.indexOf('\n') + 1))],
      ['malformed', 'it is empty', edit(() => '')],
      ['malformed', 'it is something else', edit(() => 'x\ny\n')],
      ['malformed', 'something else stands behind its body', edit(text => `${text}and more\n`)],
      ['malformed', 'a note ends in the middle', edit(text => `${text}99 key ${one.kid}`)],
      [
        'signature_invalid',
        'its signature was changed',
        edit(text => text.replace(/(\.[\w-]{20})(.)([\w-]+\n)/, (_, a, b, c) => a + (b === 'A' ? 'B' : 'A') + c)),
      ],
      [
        'signature_invalid',
        'its revision was changed',
        edit(text => {
          const [header = '', claims = '', rest = ''] = text.split('.', 3);
          const changed = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), revision: 1000 };
          const encoded = Buffer.from(JSON.stringify(changed)).toString('base64url');
          return [header, encoded, rest].join('.');
        }),
      ],
      ['key_not_pinned', 'another key signed it', async () => {}, { snapshotKeys: otherKeys }],
      ['too_old', 'it is older than maxStaleMs', async ({ clock }) => clock.advance(900_000)],
      ['issued_in_future', 'the clock was set back', async ({ clock }) => clock.advance(-61_000)],
      [
        'rolled_back',
        'it is an earlier one, put back',
        async kept => {
          const earlier = await kept.read();
          await revoke(kept);
          await kept.renew();
          await kept.write(earlier);
        },
      ],
      [
        'rolled_back',
        'what was noted since was taken away',
        async kept => {
          const earlier = await kept.read();
          await revoke(kept);
          await kept.write(earlier);
        },
      ],
      ['floor_missing', 'nothing says what was seen last', ({ file }) => rm(`${file}.floor`)],
      ['floor_missing', 'the floor is unreadable', ({ file, write }) => write('12\n', `${file}.floor`)],
      ['exposed', 'others may write it', ({ file }) => chmod(file, 0o620)],
      ['exposed', 'others may write its floor', ({ file }) => chmod(`${file}.floor`, 0o606)],
      ['too_large', 'it is larger than any', ({ file }) => truncate(file, 64 << 20)],
      [
        'exposed',
        'it is no file',
        async ({ file }) => {
          await rm(file);
          await mkdir(file);
        },
      ],
    ],
  )('%s: %s', async (reason, _, prepare, options) => {
    const kept = await createKept();
    await prepare(kept);
    const next = await kept.restart(options);
    expect(storyOf(next.events)).toEqual([`not-loaded ${reason}`]);
    expect([next.keys.peek(one.kid), next.keys.isReady]).toEqual([undefined, false]);
    expect(await codeOf(() => next.get(one.kid))).toBe('key_source_unavailable');
    await next.keys[Symbol.asyncDispose]();
    // Nothing was noted on it meanwhile, so it must not come into use when its fault is mended.
    const again = await kept.restart();
    expect(again.keys.peek(one.kid)).toBeUndefined();
    expect(storyOf(again.events)[0]).toMatch(/^not-loaded (missing|exposed)$/);
  });

  it('the folder can not be written: the server runs on without', async () => {
    const file = await snapshotPath();
    await writeFile(file, '');
    const events: string[] = [];
    const { get, clock, controlPlane } = await createLiveKeys({
      snapshotFile: `${file}/keys.snapshot`,
      snapshotKeys,
      snapshotEveryMs: 500,
      onSnapshot: event => events.push(...storyOf([event])),
    });
    expect(statusOf(await get(one.kid))).toBe('active');
    clock.advance(600);
    await new Promise(resolve => setTimeout(resolve, 250));
    expect([events, controlPlane.snapshots]).toEqual([['not-loaded unwritable'], []]);
  });
});

describe('what the control plane gives is not kept when', () => {
  it.each<[string, (kept: Kept) => unknown]>([
    ['refused', ({ controlPlane }) => (controlPlane.answerSnapshot = (_, response) => response.writeHead(503).end())],
    ['refused', ({ controlPlane }) => (controlPlane.answerSnapshot = (_, response) => response.writeHead(200).end())],
    ['unreachable', ({ controlPlane }) => (controlPlane.answerSnapshot = request => request.socket.destroy())],
    ['key_not_pinned', ({ controlPlane }) => (controlPlane.snapshotSigner = stranger)],
    ['rolled_back', ({ controlPlane }) => (controlPlane.snapshotRevision = controlPlane.revision - 1)],
    ['issued_in_future', ({ controlPlane }) => (controlPlane.snapshotNow = () => 100_000_000)],
  ])('%s', async (reason, prepare) => {
    const kept = await createKept();
    const before = await kept.read();
    prepare(kept);
    await kept.renew();
    expect(storyOf(kept.events)).toEqual(['kept', `not-kept ${reason}`]);
    expect((await kept.read()).equals(before)).toBe(true);
  });
});
