import { createNoopMeter, type Meter } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';
import { InterruptedError } from './endings.ts';
import { deploymentInfo, harness, T0 } from './harness.test.helper.ts';

const STAGE = { id: 's-1', name: 'K8S_SYNC' };
const APPLICATION = { id: 'app-1', kind: 'KUBERNETES', name: 'checkout' };
const COMMON = { 'cicd.pipeline.name': 'checkout', 'application-kind': 'KUBERNETES' };

function recordingMeter() {
  const records: [name: string, seconds: number, attributes: unknown][] = [];
  const units: unknown[] = [];
  const meter: Meter = Object.assign(createNoopMeter(), {
    createHistogram: (name: string, options: unknown) => {
      units.push(options);
      return { record: (seconds: number, attributes: unknown) => records.push([name, seconds, attributes]) };
    },
  });
  return { meter, records, units };
}

describe('durations, where a meter is given', () => {
  test('of stages and deployments, in seconds, with how they ended and nothing that is an id', async () => {
    const { meter, records, units } = recordingMeter();
    const { tracing, clock } = harness({ meter });
    const run = tracing.start(deploymentInfo({ application: APPLICATION })).run(async d => {
      clock.nowMs += 500;
      await d.stage(STAGE, () => {
        clock.nowMs += 2000;
        throw new Error('boom');
      });
    });
    await expect(run).rejects.toThrow('boom');
    expect(records).toEqual([
      [
        'spanpass.stage.duration',
        2,
        { ...COMMON, 'stage-name': STAGE.name, 'cicd.pipeline.task.run.result': 'failure' },
      ],
      [
        'cicd.pipeline.run.duration',
        2.5,
        { ...COMMON, 'cicd.pipeline.run.state': 'executing', 'cicd.pipeline.result': 'failure' },
      ],
    ]);
    expect(units).toMatchObject([{ unit: 's' }, { unit: 's' }]);
  });

  test('a resumed deployment counts from its start; what was interrupted or not run counts not', async () => {
    const { meter, records } = recordingMeter();
    const { tracing } = harness({ meter });
    const startedAt = new Date(T0 - 60_000);
    const deployment = tracing.resume(deploymentInfo({ application: APPLICATION, startedAt }));
    await deployment.stage(STAGE, () => Promise.reject(new InterruptedError('x'))).catch(() => {});
    deployment.skipStage(STAGE);
    deployment.end('success');
    expect(records.map(([name, seconds]) => [name, seconds])).toEqual([['cicd.pipeline.run.duration', 60]]);
  });
});
