import { readFileSync } from 'node:fs';
import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { describe, expect, test } from 'vitest';
import { CONVENTION, METRIC, RESOURCE, SCHEMA_URL, SCOPE_NAME, SCOPE_VERSION } from './names.ts';
import { OUTCOMES } from './outcome.ts';

const manifest = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const values = (prefix: string) =>
  Object.entries(conventions).flatMap(([name, value]) => (name.startsWith(prefix) ? [String(value)] : []));

describe('pinned names are those of the installed semantic conventions', () => {
  test.each(Object.values(CONVENTION))('%s', name => {
    expect(values('ATTR_')).toContain(name);
  });

  test.each(Object.values(RESOURCE).filter(name => name.startsWith('service.')))('%s', name => {
    expect(values('ATTR_SERVICE_')).toContain(name);
  });

  test('the run duration is theirs, the stage duration is not', () => {
    expect(values('METRIC_')).toContain(METRIC.runDuration);
    expect(values('METRIC_')).not.toContain(METRIC.stageDuration);
  });

  test('results are those of runs and of tasks, each used once', () => {
    const results = Object.values(OUTCOMES).map(({ result }) => result);
    expect(results.toSorted()).toEqual(values('CICD_PIPELINE_RESULT_VALUE_').toSorted());
    expect(results.toSorted()).toEqual(values('CICD_PIPELINE_TASK_RUN_RESULT_VALUE_').toSorted());
  });

  test('deployment statuses', () => {
    const statuses = new Set(Object.values(OUTCOMES).flatMap(({ deploymentStatus }) => deploymentStatus ?? []));
    expect([...statuses].toSorted()).toEqual(values('DEPLOYMENT_STATUS_VALUE_').toSorted());
  });

  test('the schema is of the same release', () => {
    const installed = manifest('../package.json').dependencies['@opentelemetry/semantic-conventions'];
    expect(SCHEMA_URL).toBe(`https://opentelemetry.io/schemas/${installed}`);
  });
});

test('the instrumentation scope is this package', () => {
  expect(manifest('../package.json')).toMatchObject({ name: SCOPE_NAME, version: SCOPE_VERSION });
});
