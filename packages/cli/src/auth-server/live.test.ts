import type { AuthServer, AuthServerChanges } from '@spanpass/server';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { type AuthServerSettings, authServerSettings } from '../settings/auth-server.ts';
import { liveServer } from './live.ts';
import type { OpenRules } from './open-rules.ts';

const chain = (issuer: string) => [{ kind: 'oidc', issuer: `https://${issuer}.example.org`, audience: 'gateway' }];
const settingsOf = (given: object) => authServerSettings.parse(given);

/** A live server over an auth server that notes what it was told, and refuses when `refuses` says so. */
function setUp(first: object) {
  const events: string[] = [];
  const changes: AuthServerChanges[] = [];
  const lines: Record<string, unknown>[] = [];
  let next: () => AuthServerSettings = () => settingsOf(first);
  let refusal: Error | undefined;
  let opens = 0;
  const open = async (): Promise<OpenRules> => {
    const name = `chain ${opens++}`;
    events.push(`opened ${name}`);
    return { authenticators: [], [Symbol.asyncDispose]: async () => void events.push(`closed ${name}`) };
  };
  const auth = {
    async reload(load: () => Promise<AuthServerChanges>) {
      const change = await load();
      if (refusal) throw refusal;
      changes.push(change);
      events.push('switched');
    },
    [Symbol.asyncDispose]: async () => void events.push('closed the server'),
  } as unknown as AuthServer;
  const logger = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const start = async () =>
    liveServer({ auth, settings: settingsOf(first), opened: await open(), load: async () => next(), open, logger });
  return {
    start,
    events,
    changes,
    lines,
    logger,
    say: (settings: object) => {
      next = () => settingsOf(settings);
    },
    fail: (error: Error) => {
      next = () => {
        throw error;
      };
    },
    refuse: (error: Error) => {
      refusal = error;
    },
  };
}

it('opens the new chain first, and closes the old one when it answers nothing any more', async () => {
  const { start, events, say, lines } = setUp({ authenticators: chain('one') });
  const live = await start();
  say({ authenticators: chain('two') });
  await live.reload('file');
  await live[Symbol.asyncDispose]();
  expect(events).toEqual([
    'opened chain 0',
    'opened chain 1',
    'switched',
    'closed chain 0',
    'closed the server',
    'closed chain 1',
  ]);
  expect(lines.at(-1)).toMatchObject({ reason: 'file', changed: ['authenticators'], msg: 'settings were reloaded' });
});

it('keeps a chain whose settings did not change, and what it has learned', async () => {
  const { start, events, say, changes } = setUp({ authenticators: chain('one') });
  const live = await start();
  say({ authenticators: chain('one'), gatewayAudience: 'other', trustedHops: ['10.0.0.0/8'] });
  await live.reload('signal');
  expect(events).toEqual(['opened chain 0', 'switched']);
  expect(changes).toEqual([
    { authenticators: [], gatewayAudience: 'other', forwardedCertificates: { trustedHops: ['10.0.0.0/8'] } },
  ]);
});

it('says one line about settings that are refused, and stays as it is', async () => {
  const { start, events, fail, say, refuse, lines } = setUp({ authenticators: chain('one') });
  const live = await start();
  fail(new Error('server.yaml:3: unknown setting'));
  await live.reload('file');
  say({ authenticators: chain('two') });
  refuse(new Error('authenticators must have different names'));
  await live.reload('file');
  expect(events).toEqual(['opened chain 0', 'opened chain 1', 'closed chain 1']);
  expect(lines).toEqual([
    { level: 50, reason: 'file', problem: 'server.yaml:3: unknown setting', msg: expect.stringContaining('refused') },
    { level: 50, reason: 'file', problem: 'authenticators must have different names', msg: expect.anything() },
  ]);
});

it('says what takes a restart, each time until it is done, and changes the level of the log at once', async () => {
  const { start, say, lines, logger } = setUp({ grpcPort: 1 });
  const live = await start();
  const secret = 'a-secret-token-of-the-auth-server';
  say({ grpcPort: 2, controlPlane: 'https://other.example.org', authServerToken: secret, logLevel: 'warn' });
  await live.reload('file');
  await live.reload('signal');
  expect(logger.level).toBe('warn');
  const needRestart = ['grpcPort', 'controlPlane', 'authServerToken'];
  expect(lines.flatMap(line => (line.needRestart ? [line.needRestart] : []))).toEqual([needRestart, needRestart]);
  expect(JSON.stringify(lines)).not.toContain(secret);
});
