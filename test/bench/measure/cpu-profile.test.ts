import { expect, it } from 'vitest';
import { profileTable } from '../profiles.ts';
import { type CpuProfile, summariseProfile } from './cpu-profile.ts';

const frame = (id: number, functionName: string, url: string) => ({
  id,
  callFrame: { functionName, url, lineNumber: 6 },
});

const profile: CpuProfile = {
  nodes: [
    frame(1, '(root)', ''),
    frame(2, '(idle)', ''),
    frame(3, '(garbage collector)', ''),
    frame(4, 'respond', 'node:internal/http2/core'),
    frame(5, 'check', 'file:///x/packages/server/dist/ext-authz/service.js'),
    frame(6, '', 'file:///x/node_modules/@grpc/grpc-js/build/src/server.js'),
    frame(7, 'check', 'file:///x/packages/server/dist/ext-authz/service.js'),
    frame(8, 'echo', 'file:///x/test/dist/bench/peers/http2-echo.js'),
  ],
  startTime: 5000,
  samples: [1, 2, 3, 4, 5, 6, 7, 8, 99],
  timeDeltas: [10, 1000, 100, 400, 100, 200, 100, 100, 50],
};

it('says whose code ran, of the time in which any did', () => {
  const { owners, functions } = summariseProfile(profile);
  expect(Object.fromEntries(owners.map(({ owner, share }) => [owner, share]))).toEqual({
    'node:http2': 0.4,
    '@spanpass/server': 0.2,
    '@grpc/grpc-js': 0.2,
    'garbage collection': 0.1,
    'the bench': 0.1,
  });
  expect(functions[0]).toEqual({ owner: 'node:http2', name: 'respond', share: 0.4 });
  expect(functions).toContainEqual({ owner: '@spanpass/server', name: 'check', share: 0.2 });
  expect(functions).toContainEqual({ owner: '@grpc/grpc-js', name: 'anonymous at server.js:7', share: 0.2 });
});

it('names the largest, and nothing where nothing ran', () => {
  const summary = summariseProfile(profile, { maxFunctions: 1 });
  expect(summary.functions).toHaveLength(1);
  expect(profileTable(summary)).toMatch(/^\| node:http2 +\| +40\.0 % \|$/m);
  expect(summariseProfile({ nodes: [], startTime: 0, samples: [], timeDeltas: [] })).toEqual({
    owners: [],
    functions: [],
  });
});

it('leaves out what was before', () => {
  const { owners } = summariseProfile(profile, { sinceMicros: 5000 + 10 + 1000 + 100 + 400 + 100 + 200 + 1 });
  expect(owners.map(({ owner }) => owner)).toEqual(['@spanpass/server', 'the bench']);
});
