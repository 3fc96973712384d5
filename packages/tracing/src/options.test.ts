import { resourceFromAttributes } from '@opentelemetry/resources';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { DeploymentInfo, DeploymentTracingOptions, StageInfo } from './api.ts';
import { deploymentInfo, harness, IDENTITY, RecordingExporter } from './harness.test.helper.ts';
import { createDeploymentTracing } from './tracing.ts';

describe('options that are not usable are refused at construction', () => {
  const exporter = new RecordingExporter();
  const usable: DeploymentTracingOptions = { ...IDENTITY, exporter };

  test.each([
    ['an empty project', { project: '' }, 'project must match'],
    ['a project with a slash', { project: 'a/b' }, 'project must match'],
    ['a project of 65 characters', { project: 'p'.repeat(65) }, 'project must match'],
    ['no piped', { piped: undefined }, 'piped must match'],
    ['a piped with a newline', { piped: 'edge-1\n' }, 'piped must match'],
    ['no version', { version: '' }, 'version must be a text of 1 to 256 characters'],
    ['nowhere to export to', { exporter: undefined }, 'give an exporter or spanProcessors'],
    ['no processors', { exporter: undefined, spanProcessors: [] }, 'give an exporter or spanProcessors'],
  ])('%s', (_, wrong, message) => {
    const make = () => createDeploymentTracing({ ...usable, ...wrong } as DeploymentTracingOptions);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  test.each([
    ['no id', { id: '' }, 'deployment id must be a text'],
    ['a long id', { id: 'd'.repeat(257) }, 'deployment id must be a text'],
    ['no application', { application: undefined }, 'application.id must be a text'],
    ['no application id', { application: { id: '', kind: 'X' } }, 'application.id must be a text'],
    ['no application kind', { application: { id: 'a' } }, 'application.kind must be a text'],
    ['a start that is no date', { startedAt: new Date(Number.NaN) }, 'startedAt must be a valid Date'],
    ['a start in milliseconds', { startedAt: 1000 }, 'startedAt must be a valid Date'],
  ])('a deployment with %s', (_, wrong, message) => {
    const { tracing } = harness();
    const info = { ...deploymentInfo(), ...wrong } as DeploymentInfo;
    for (const begin of ['start', 'resume', 'join'] as const) {
      expect(() => tracing[begin](info)).toThrow(TypeError);
      expect(() => tracing[begin](info)).toThrow(message);
    }
  });

  test.each([
    ['id', { id: '', name: 'X' }, 'stage id must be a text'],
    ['name', { id: 's-1' }, 'stage name must be a text'],
  ])('a stage without %s', async (_, stage, message) => {
    const joined = harness().tracing.join(deploymentInfo());
    await expect(joined.stage(stage as StageInfo, () => {})).rejects.toThrow(message);
    expect(() => joined.skipStage(stage as StageInfo)).toThrow(TypeError);
  });

  test('a step without a name', async () => {
    const joined = harness().tracing.join(deploymentInfo());
    await expect(joined.step('', () => {})).rejects.toThrow('step name must be a text');
    await expect(joined.plan(plan => plan.step('', () => {}))).rejects.toThrow('step name must be a text');
  });

  test.each(['forceFlush', 'shutdown'] as const)('%s within no time', async method => {
    await expect(harness().tracing[method]({ timeoutMs: 0 })).rejects.toThrow(TypeError);
  });
});

describe('resource', () => {
  afterEach(() => vi.unstubAllEnvs());

  test('more of it comes from the option and the environment; the identity cannot be overridden', async () => {
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'k8s.pod.name=piped-0,project-id=other,host.name=a');
    vi.stubEnv('OTEL_SERVICE_NAME', 'other');
    const { tracing, exporter } = harness({
      resource: resourceFromAttributes({ 'host.name': 'b', 'piped-id': 'other', 'service.namespace': 'other' }),
    });
    await tracing.start(deploymentInfo()).run(() => {});
    expect(exporter.named('Deploy').resource.attributes).toMatchObject({
      'k8s.pod.name': 'piped-0',
      'host.name': 'b',
      'service.name': 'piped',
      'service.namespace': 'shop',
      'project-id': 'shop',
      'piped-id': 'edge-1',
      'telemetry.sdk.language': 'nodejs',
    });
  });
});

test('span limits are those of the SDK', async () => {
  const { tracing, exporter } = harness({ spanLimits: { attributeValueLengthLimit: 3 } });
  await tracing.start(deploymentInfo({ attributes: { long: 'abcdef' } })).run(() => {});
  expect(exporter.attributesOf('Deploy')).toMatchObject({ long: 'abc' });
});
