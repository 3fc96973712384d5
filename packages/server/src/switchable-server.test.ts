import { expect, it } from 'vitest';
import type { Principal, Server } from './contract.ts';
import { codeOf, deferred, requestWith } from './fixture.test.support.ts';
import { AuthenticationError } from './refusals.ts';
import { switchableServer } from './switchable-server.ts';

const named = (piped: string) => ({ piped }) as Principal;
const at = (piped: string): Server => ({ authenticate: () => named(piped) });
const waiting = () => {
  const gate = deferred<Principal>();
  const server: Server = { authenticate: () => gate.promise };
  return { ...gate, server };
};

it('asks the new one from the moment of the switch, and lets the old one answer what it took', async () => {
  const [one, other] = [waiting(), waiting()];
  const server = switchableServer<Server>(one.server);
  const [first, second] = [server.authenticate(requestWith('x')), server.authenticate(requestWith('y'))];
  let settled = 0;
  const toOther = server.switchTo(other.server).then(() => settled++);
  const third = server.authenticate(requestWith('z'));
  const toLast = server.switchTo(at('last')).then(() => settled++);
  expect(server.authenticate(requestWith('x'))).toEqual(named('last'));
  one.resolve(named('one'));
  await toOther;
  expect([await first, await second, settled]).toEqual([named('one'), named('one'), 1]);
  other.reject(new AuthenticationError('key_unknown'));
  await toLast;
  expect(await codeOf(async () => third)).toBe('key_unknown');
});

it('switches at once where nothing is under way', async () => {
  const server = switchableServer<Server>(at('one'));
  server.authenticate(requestWith('x'));
  await server.switchTo(at('two'));
  expect(server.authenticate(requestWith('x'))).toEqual(named('two'));
});
