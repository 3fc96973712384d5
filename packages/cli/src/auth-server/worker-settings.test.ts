import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { authServerSettings } from '../settings/auth-server.ts';
import { assertPortsApart, settingsOfWorker, workerCount } from './worker-settings.ts';

const of = (settings: object) => authServerSettings.parse(settings);

it('counts them as it is told, or as there are cores', () => {
  expect([{}, { workers: 3 }, { workers: 'auto' }].map(each => workerCount(of(each)))).toEqual([
    1,
    3,
    availableParallelism(),
  ]);
  for (const workers of [0, 257, 1.5, 'many']) expect(() => of({ workers })).toThrow();
});

describe('one worker', () => {
  const files = { snapshotFile: '/keys.snapshot', auditHeadFile: '/head' };
  const tls = { certFile: '/tls.crt', keyFile: '/tls.key' };

  it('has the ports of all, or its own', () => {
    const portsOf = (settings: object) => {
      const { grpcPort, httpPort } = settingsOfWorker(of(settings), 2);
      return [grpcPort, httpPort];
    };
    expect(portsOf({})).toEqual([9086, 9087]);
    expect(portsOf({ workerPorts: 'own' })).toEqual([9090, 9091]);
    expect(portsOf({ workerPorts: 'own', grpcPort: 0, httpPort: false })).toEqual([0, false]);
  });

  it('has a snapshot of its own; the heads of the audit are kept once, and metrics elsewhere', () => {
    const [first, second] = [0, 1].map(slot => settingsOfWorker(of({ ...files, tls, metricsTls: tls }), slot));
    expect(first).toMatchObject(files);
    expect(second).toMatchObject({ snapshotFile: '/keys.snapshot.1', auditHeadFile: undefined, tls });
    expect(first).not.toHaveProperty('metricsTls');
  });
});

it('refuses ports that can not be kept apart', () => {
  const apart = (settings: object, count: number) => () =>
    assertPortsApart(of({ workerPorts: 'own', ...settings }), count);
  expect(apart({}, 16)).not.toThrow();
  expect(apart({ httpPort: 9088 }, 2)).toThrow(/9088 twice/);
  expect(apart({ grpcPort: 9462 }, 2)).toThrow(/9464 twice/);
  expect(apart({ grpcPort: 65_533, httpPort: 65_534 }, 3)).toThrow(/not enough ports/);
  expect(apart({ grpcPort: 0, httpPort: 0, metricsPort: 0 }, 4)).not.toThrow();
  expect(apart({ workerPorts: 'shared', httpPort: 9088 }, 2)).not.toThrow();
});
