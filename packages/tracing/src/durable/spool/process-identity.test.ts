import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { until } from '../testing/scratch.ts';
import { livenessOf, ownIdentity, parseIdentity } from './process-identity.ts';

const own = ownIdentity();
const onLinux = process.platform === 'linux';

describe('liveness', () => {
  it.runIf(onLinux)('this process lives', () => {
    expect(livenessOf(own, own)).toBe('alive');
  });

  it.runIf(onLinux)('another process under the same pid is not the one that was', () => {
    expect(livenessOf({ ...own, startTicks: '1' }, own)).toBe('dead');
  });

  it('a pid that is nobody is dead', () => {
    expect(livenessOf({ ...own, pid: 2 ** 22 + 1 }, own)).toBe('dead');
  });

  it.runIf(onLinux)('a process that ended, and that nobody waited for, is dead', async () => {
    // The shell becomes another program before its child ends, and that one never waits for it.
    const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const stat = () => readFileSync(`/proc/${Number(line)}/stat`, 'latin1');
      await until('a zombie', () => stat().includes(') Z '));
      const startTicks = stat().slice(stat().lastIndexOf(')')).split(' ')[20] ?? '';
      expect(livenessOf({ ...own, pid: Number(line), startTicks }, own)).toBe('dead');
    } finally {
      parent.kill('SIGKILL');
      await once(parent, 'exit');
    }
  });

  it.runIf(onLinux)('nothing can be said of another container or another start of the machine', () => {
    expect(livenessOf({ ...own, pidNamespace: 'pid:[1]' }, own)).toBe('unknown');
    expect(livenessOf({ ...own, bootId: 'other' }, own)).toBe('unknown');
  });

  it('without /proc, one that is there may be another, one that is not is dead', () => {
    const { pid, host } = own;
    const other = { pid: process.ppid, host };
    expect(livenessOf(other, { pid, host })).toBe('unknown');
    expect(livenessOf({ pid: 2 ** 22 + 1, host }, { pid, host })).toBe('dead');
    expect(livenessOf({ pid: 2 ** 22 + 1, host: `not-${host}` }, { pid, host })).toBe('unknown');
  });
});

describe('an identity on disk', () => {
  it('reads back', () => {
    expect(parseIdentity(JSON.stringify(own))).toEqual(own);
  });

  it.each(['', '{', 'null', '[]', '{"pid":"1","host":"h"}', '{"pid":-1,"host":"h"}', '{"pid":1}'])(
    '%j is none',
    text => {
      expect(parseIdentity(text)).toBeUndefined();
    },
  );
});
