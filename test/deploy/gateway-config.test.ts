import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { run } from '../engines/run.ts';
import { spanpassCommand } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { createAuthority } from '../harness/tls.ts';
import { exampleValues, objectsOf, podsOf, rendered } from './chart.ts';
import { replaceAll } from './replace.ts';

await describeWithEngine(['helm', 'envoy', 'otelcol'], "the gateway's configuration in the chart", engines => {
  const stage = new Stage();
  let folder: string;
  let values: Record<string, object>;
  /** What stands in the place of the pod's files. */
  let files: [string, string][];
  beforeAll(async () => {
    folder = await tempDir(stage, 'gateway');
    values = (await exampleValues()) as Record<string, object>;
    const authority = await createAuthority(folder, 'ca');
    const { certFile, keyFile } = await authority.issue('gateway');
    files = [
      ['/etc/gateway/', `${folder}/`],
      ['/etc/spanpass/server/ca.crt', authority.caFile],
      ['/etc/spanpass/client-ca/ca.crt', authority.caFile],
      ['/etc/spanpass/tls/tls.crt', certFile],
      ['/etc/spanpass/tls/tls.key', keyFile],
      ['/var/lib/otelcol/', `${folder}/`],
    ];
  });
  afterAll(() => stage.dispose());

  it.each([
    ['with client certificates at its doors', { clientCa: { existingSecret: 'd' } }],
    [
      'with clear text behind what ends TLS, and flags of one’s own',
      { allowPlaintext: true, envoy: { image: 'e', flags: ['--no-access-log'], resources: {} } },
    ],
  ])('is what the command prints, and the real programs read it, %s', async (_name, more) => {
    const text = await rendered(engines.helm.path, folder, { ...values, gateway: { ...values.gateway, ...more } });
    const gateway = podsOf(objectsOf(text)).find(({ name }) => name.endsWith('-gateway')) ?? expect.fail('no gateway');
    for (const { name, args } of gateway.initContainers) {
      const placed = args.map(arg => replaceAll(arg, files));
      expect(await run(process.execPath, [spanpassCommand, ...placed])).toBe('');
      const output = placed.find(arg => arg.startsWith('--output='))?.slice('--output='.length) ?? '';
      const printed = await run(process.execPath, [
        spanpassCommand,
        ...placed.filter(arg => !arg.startsWith('--output=')),
      ]);
      expect(await readFile(output, 'utf8')).toBe(printed);
      // The containers read what these wrote.
      const reader =
        gateway.containers.find(one => `${one.name}-config` === name) ?? expect.fail(`nobody reads ${name}`);
      expect(reader.args.map(arg => replaceAll(arg, files)).join(' ')).toContain(output);
    }
    const env = { GATEWAY_TOKEN: 'a-token' };
    await run(engines.envoy.path, ['--mode', 'validate', '-c', join(folder, 'envoy.yaml'), '-l', 'error'], { env });
    const args = ['validate', `--config=${join(folder, 'collector.yaml')}`, '--feature-gates=service.profilesSupport'];
    await run(engines.otelcol.path, args, { env });
  });

  it('is refused by the real programs when it is spoiled', async () => {
    const text = await readFile(join(folder, 'envoy.yaml'), 'utf8');
    await writeFile(join(folder, 'spoiled.yaml'), text.replace('static_resources', 'static_resource'));
    await expect(
      run(engines.envoy.path, ['--mode', 'validate', '-c', join(folder, 'spoiled.yaml'), '-l', 'error']),
    ).rejects.toThrow();
  });
});
