import { existsSync } from 'node:fs';
import { copyFile, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { authServerSettings, controlPlaneSettings } from 'spanpass/settings';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { describeWithEngine } from '../engines/describe.ts';
import { repoRoot } from '../engines/root.ts';
import { run } from '../engines/run.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { composeFolder, madeSecrets, type Service, servicesOf } from './compose.ts';
import { variablesOf } from './variables.ts';

await describeWithEngine(['compose-spec', 'promtool'], 'the compose file', engines => {
  const stage = new Stage();
  let folder: string;
  let secrets: Record<string, string>;
  let services: Record<string, Service>;
  beforeAll(async () => {
    folder = await tempDir(stage, 'compose');
    secrets = await madeSecrets(folder);
    services = await servicesOf(engines['compose-spec'].path, ['compose.yaml'], secrets);
  });
  afterAll(() => stage.dispose());

  it('gets secrets of its own for each machine, which nobody else reads, and never new ones by accident', async () => {
    expect((await stat(join(folder, '.env'))).mode & 0o777).toBe(0o600);
    expect(Buffer.from(secrets.SPANPASS_ENCRYPTION_KEY ?? '', 'base64')).toHaveLength(32);
    expect(new Set(Object.values(secrets)).size).toBe(6);
    await expect(madeSecrets(folder)).rejects.toThrow('is there already');
  });

  it('is not loaded without them', async () => {
    const { GATEWAY_TOKEN: _left, ...rest } = secrets;
    await expect(servicesOf(engines['compose-spec'].path, ['compose.yaml'], rest)).rejects.toThrow('GATEWAY_TOKEN');
  });

  it('opens no port beyond this machine; with certificates those of the gateway alone', async () => {
    const opened = (all: Record<string, Service>) =>
      Object.values(all)
        .flatMap(({ ports = [] }) => ports)
        .filter(({ host_ip }) => host_ip !== '127.0.0.1')
        .map(({ target }) => target);
    expect(opened(services)).toEqual([]);
    const env = { ...secrets, TLS_FOLDER: folder };
    const withTls = await servicesOf(engines['compose-spec'].path, ['compose.yaml', 'compose.tls.yaml'], env);
    expect(opened(withTls)).toEqual([4317, 4318]);
    expect(withTls['envoy-config']?.command).not.toContain('--allow-plaintext');
  });

  it('runs ours and the gateway without root, without rights, and on a file system that they cannot write', () => {
    const ours = Object.entries(services).filter(
      ([name]) => !['postgres', 'jaeger', 'prometheus', 'grafana'].includes(name),
    );
    expect(ours).toHaveLength(7);
    for (const [name, service] of ours) {
      expect({ name, ...service }).toMatchObject({ name, read_only: true, cap_drop: ['ALL'] });
      // The image says who its user is.
      if (!service.image.startsWith('spanpass:') && name !== 'loopback') expect(service.user).toBe('65532:65532');
    }
    for (const { image } of Object.values(services)) expect(image).toMatch(/:[^:]*\d/);
  });

  it('takes the version of the packages, and sets nothing that is no setting', async () => {
    const { version } = JSON.parse(await readFile(join(repoRoot, 'packages', 'cli', 'package.json'), 'utf8'));
    expect(services['control-plane']?.image).toBe(`spanpass:${version}`);
    const unknown = (service: string, known: readonly string[]) =>
      Object.keys(services[service]?.environment ?? {}).filter(name => !['HEALTH_URL', ...known].includes(name));
    expect(unknown('control-plane', variablesOf(controlPlaneSettings))).toEqual([]);
    expect(unknown('server', variablesOf(authServerSettings))).toEqual([]);
  });

  it('mounts files that are there', () => {
    const bound = Object.values(services).flatMap(({ volumes = [] }) => volumes.filter(({ type }) => type === 'bind'));
    expect(bound.length).toBeGreaterThan(4);
    expect(bound.map(({ source }) => source).filter(source => !existsSync(source))).toEqual([]);
  });

  describe('watches with Prometheus and Grafana', () => {
    it('whose configuration and alert rules promtool takes', async () => {
      await copyFile(join(composeFolder, 'prometheus.yaml'), join(folder, 'prometheus.yml'));
      await copyFile(join(repoRoot, 'docs', 'operations', 'alerts.yaml'), join(folder, 'alerts.yaml'));
      expect(await run(engines.promtool.path, ['check', 'config', join(folder, 'prometheus.yml')])).toMatch(
        /SUCCESS: \d+ rules found/,
      );
      const config = parse(await readFile(join(folder, 'prometheus.yml'), 'utf8'));
      await writeFile(join(folder, 'spoiled.yml'), JSON.stringify({ ...config, rule_file: [] }));
      await expect(run(engines.promtool.path, ['check', 'config', join(folder, 'spoiled.yml')])).rejects.toThrow();
    });

    it('who scrape where metrics are, and show the dashboard', async () => {
      const config = parse(await readFile(join(composeFolder, 'prometheus.yaml'), 'utf8'));
      const targets = config.scrape_configs.flatMap((one: { static_configs: { targets: string[] }[] }) =>
        one.static_configs.flatMap(({ targets: found }) => found),
      );
      expect(targets).toEqual(['loopback:9464', 'loopback:9085']);
      const { providers } = parse(
        await readFile(join(composeFolder, 'grafana', 'dashboards', 'spanpass.yaml'), 'utf8'),
      );
      const mounted = services.grafana?.volumes?.find(({ target }) => target.startsWith(providers[0].options.path));
      expect(mounted?.source).toBe(join(repoRoot, 'docs', 'operations', 'grafana-dashboard.json'));
    });
  });
});
