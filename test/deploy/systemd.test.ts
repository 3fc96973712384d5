import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { authServerSettings, controlPlaneSettings } from 'spanpass/settings';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { run } from '../engines/run.ts';
import { spanpassCommand } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { deployRoom } from './places.ts';
import { replaceAll } from './replace.ts';
import { variablesOf } from './variables.ts';

const unitsFolder = join(deployRoom, 'systemd');
const units = (await readdir(unitsFolder)).filter(file => file.endsWith('.service')).sort();

await describeWithEngine(['systemd-analyze'], 'the units of systemd', engines => {
  const stage = new Stage();
  let folder: string;
  beforeAll(async () => {
    folder = await tempDir(stage, 'systemd');
  });
  afterAll(() => stage.dispose());

  it('are four', () => {
    expect(units).toEqual(['collector', 'control-plane', 'envoy', 'server'].map(name => `spanpass-${name}.service`));
  });

  /** What systemd says of a unit whose programs are not installed here. */
  async function problemsOf(unit: string, change = (text: string) => text): Promise<string[]> {
    // Alone: systemd reads what a unit wants as well.
    const alone = await mkdtemp(join(folder, 'unit-'));
    const file = join(alone, unit);
    await writeFile(file, change(await readFile(join(unitsFolder, unit), 'utf8')));
    const { stderr } = spawnSync(engines['systemd-analyze'].path, ['verify', '--man=no', file], { encoding: 'utf8' });
    return stderr
      .split('\n')
      .filter(line => line.includes('spanpass'))
      .filter(line => !/Command \/usr\/bin\/(spanpass|envoy|otelcol) is not executable/.test(line));
  }

  it.each(units)('%s has no word that systemd does not know', async unit => {
    expect(await problemsOf(unit)).toEqual([]);
    expect(await problemsOf(unit, text => text.replace('ProtectHome=', 'ProtectHouse='))).toHaveLength(1);
  });

  it.each(units)('%s exposes no more than 2 of 10', unit => {
    const args = ['security', '--offline=yes', '--threshold=20', join(unitsFolder, unit)];
    const { status, stdout } = spawnSync(engines['systemd-analyze'].path, args, { encoding: 'utf8' });
    expect({ status, exposure: /exposure level.*: (\d\.\d)/.exec(stdout)?.[1] }).toMatchObject({ status: 0 });
  });

  it.each([
    ['spanpass-control-plane.service', controlPlaneSettings],
    ['spanpass-server.service', authServerSettings],
  ])('%s sets what are settings, and takes its secrets as credentials', async (unit, schema) => {
    const text = await readFile(join(unitsFolder, unit), 'utf8');
    const set = [...text.matchAll(/^Environment=(\w+)=(.*)$/gm)];
    expect(set.map(([, name]) => name).filter(name => !variablesOf(schema).includes(name ?? ''))).toEqual([]);
    const loaded = [...text.matchAll(/^LoadCredential=([\w-]+):/gm)].map(([, name]) => `%d/${name}`);
    expect(set.filter(([, name]) => name?.endsWith('_FILE')).map(([, , value]) => value)).toEqual(loaded);
    expect(text).not.toMatch(/^Environment=\w+(TOKEN|KEY|URL)=/m);
  });

  it('write the gateway’s configuration by commands that there are, where the programs look for it', async () => {
    for (const unit of ['spanpass-envoy.service', 'spanpass-collector.service']) {
      const text = await readFile(join(unitsFolder, unit), 'utf8');
      const before = /^ExecStartPre=\/usr\/bin\/spanpass (.*)$/m.exec(text)?.[1] ?? '';
      const places = [
        [/%t\/spanpass-\w+/g, folder],
        [/%S\/spanpass-\w+/g, folder],
        [/ \$SPANPASS_\w+_FLAGS/g, ''],
      ] as const;
      await run(process.execPath, [spanpassCommand, ...replaceAll(before, places).split(' ')]);
      const written = /--output (\S+)/.exec(before)?.[1] ?? '';
      expect(/^ExecStart=.*$/m.exec(text)?.[0]).toContain(written);
      expect((await readFile(replaceAll(written, places), 'utf8')).length).toBeGreaterThan(500);
    }
  });
});
