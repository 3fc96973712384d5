import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { repoRoot } from '../engines/root.ts';
import { type Family, LABEL_VALUES, servers } from './metric-families.ts';
import { metricsPage } from './metrics.ts';
import { parseQuery } from './promql.ts';

const docs = (name: string) => readFile(join(repoRoot, 'docs', name), 'utf8');
const all = await servers();
const families = all.flatMap(server => server.families);

it('the page of metrics is in sync with the registries (npm run reference -w test)', async () => {
  expect(await docs('reference/metrics.md')).toBe(await metricsPage());
});

describe('every metric', () => {
  const baseUnits = ['seconds', 'bytes', 'ratio'];
  const otherUnits = /_(milliseconds?|ms|micros|nanos|minutes|hours|kb|mb|kilobytes|megabytes|percent)(_|$)/;
  /** Gauges that count things have the things' name; these are the things, and the states that are 0 or 1. */
  const things = /_(waiting|pending|depth|entries|followers|revision|ready|up)$/;

  it('there are some of each server, and each once', () => {
    expect(all.map(server => server.families.length > 4)).toEqual([true, true, true]);
    expect(new Set(families.map(({ name }) => name)).size).toBe(families.length);
  });

  it.each(families.map(family => [family.name, family] as const))('%s is named as conventions ask', (name, family) => {
    expect(name).toMatch(/^spanpass_[a-z]+(_[a-z]+)*$/);
    expect(name).not.toMatch(/_(count|sum|bucket|info|created|gauge|counter|histogram)$/);
    expect(name).not.toMatch(otherUnits);
    expect(family.help).toMatch(/^[A-Z0-9].*\.$/);
    expect(name.endsWith('_total')).toBe(family.type === 'counter');
    const unit = name.split('_').at(-1) ?? '';
    if (family.type === 'histogram') expect(baseUnits).toContain(unit);
    if (family.type === 'gauge') expect(baseUnits.includes(unit) || things.test(name)).toBe(true);
    for (const label of family.labels) {
      expect(label).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(['le', 'quantile', 'job', 'instance']).not.toContain(label);
      expect(name).not.toContain(`_by_${label}`);
    }
  });

  it('has known values for each of its labels, and no others are told', () => {
    const labels = families.flatMap(({ name, labels: own }) => own.map(label => `${name}.${label}`));
    expect(Object.keys(LABEL_VALUES).sort()).toEqual(labels.sort());
  });
});

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

/** Labels that Prometheus itself puts on everything. */
const TARGET_LABELS = ['job', 'instance'];
/** Of the Node.js process, from prom-client. */
const PROCESS_METRICS = ['process_cpu_seconds_total'];

function familyOf(metric: string): (Family & { readonly ofBucket: boolean }) | undefined {
  const exact = families.find(({ name }) => name === metric);
  if (exact) return { ...exact, ofBucket: false };
  const [, name, part] = /^(.+)_(bucket|sum|count)$/.exec(metric) ?? [];
  const histogram = families.find(family => family.name === name && family.type === 'histogram');
  return histogram && { ...histogram, ofBucket: part === 'bucket' };
}

/** All that is wrong with an expression. */
function faultsOf(expr: string): string[] {
  const { selectors, grouping } = parseQuery(expr);
  const known = new Set(TARGET_LABELS);
  const faults: string[] = [];
  for (const { metric, matchers } of selectors) {
    if (PROCESS_METRICS.includes(metric)) continue;
    const family = familyOf(metric);
    if (family === undefined) {
      faults.push(`no metric ${metric}`);
      continue;
    }
    for (const label of [...family.labels, ...(family.ofBucket ? ['le'] : [])]) known.add(label);
    for (const { label, op, value } of matchers) faults.push(...faultsOfMatcher(family, label, op, value));
  }
  for (const label of grouping) if (!known.has(label)) faults.push(`nothing has the label ${label}`);
  return faults;
}

function faultsOfMatcher(family: Family, label: string, op: string, value: string): string[] {
  if (!family.labels.includes(label)) return [`${family.name} has no label ${label}`];
  const values = LABEL_VALUES[`${family.name}.${label}`];
  if (values === undefined || typeof values === 'string') return [];
  const alternatives = op.includes('~') ? value.split('|') : [value];
  return alternatives
    .filter(one => !values.some(known => (op.includes('~') ? new RegExp(`^(?:${one})$`).test(known) : known === one)))
    .map(one => `${label} of ${family.name} is never ${one}`);
}

/** Labels that a text puts in: `{{ $labels.x }}` in an annotation, `{{x}}` in a legend. */
function labelsIn(text: string): string[] {
  return [...text.matchAll(/\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}/g)].flatMap(([, label]) => label ?? []);
}

function missingLabels(text: string, expr: string): string[] {
  const { selectors, grouping } = parseQuery(expr);
  const aggregates = /\b(sum|max|min|avg|count)\b/.test(expr) && !/\bor\b/.test(expr);
  const present = aggregates
    ? grouping
    : [...TARGET_LABELS, ...selectors.flatMap(({ metric }) => familyOf(metric)?.labels ?? [])];
  return labelsIn(text).filter(label => !present.includes(label));
}

describe('the checks of expressions', () => {
  it.each([
    ['sum(rate(spanpass_check_decisions_total[5m])', SyntaxError],
    ['spanpass_check_decisions_total{outcome=}', SyntaxError],
  ])('find that %s is none', (expr, error) => {
    expect(() => faultsOf(expr)).toThrow(error);
  });

  it.each([
    ['spanpass_no_such_metric', ['no metric spanpass_no_such_metric']],
    ['spanpass_checks_waiting_bucket', ['no metric spanpass_checks_waiting_bucket']],
    ['spanpass_checks_waiting{outcome="allowed"}', ['spanpass_checks_waiting has no label outcome']],
    ['sum by (piped) (spanpass_checks_waiting)', ['nothing has the label piped']],
    [
      'spanpass_check_decisions_total{outcome=~"denied|refused"}',
      ['outcome of spanpass_check_decisions_total is never refused'],
    ],
  ])('find what is wrong with %s', (expr, faults) => {
    expect(faultsOf(expr)).toEqual(faults);
  });
});

describe('the alerts', async () => {
  const { groups } = parse(await docs('operations/alerts.yaml')) as { groups: { name: string; rules: Rule[] }[] };
  const rules = groups.flatMap(group => group.rules);
  const runbook = await docs('operations/alerts.md');
  const headings = [...runbook.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);

  it.each(rules.map(rule => [rule.alert, rule] as const))(
    '%s asks for what exists, and says what to do',
    (name, rule) => {
      expect(name).toMatch(/^Spanpass([A-Z][a-z]+)+$/);
      expect(faultsOf(rule.expr)).toEqual([]);
      expect(rule.for ?? '1m').toMatch(/^\d+[mh]$/);
      expect(['critical', 'warning', 'info']).toContain(rule.labels.severity);
      const { summary = '', description = '', runbook_url: link } = rule.annotations;
      expect(summary).toMatch(/\.$/);
      expect(description.length).toBeGreaterThan(20);
      expect(link).toBe(`docs/operations/alerts.md#${name.toLowerCase()}`);
      expect(missingLabels(summary + description, rule.expr)).toEqual([]);
    },
  );

  it('each has a place in the runbook, which tells of no others', () => {
    expect(headings).toEqual(rules.map(rule => rule.alert));
  });
});

describe('the dashboard', async () => {
  const { panels } = JSON.parse(await docs('operations/grafana-dashboard.json')) as { panels: Panel[] };
  const targets = panels.flatMap(({ title, targets: own = [] }) => own.map(target => [title, target] as const));

  it.each(targets)('%s asks for what exists', (_, { expr, legendFormat }) => {
    expect(faultsOf(expr)).toEqual([]);
    expect(missingLabels(legendFormat, expr)).toEqual([]);
  });

  it('shows every metric', () => {
    const shown = new Set(
      targets.flatMap(([, { expr }]) => parseQuery(expr).selectors.map(({ metric }) => familyOf(metric)?.name)),
    );
    expect(families.map(({ name }) => name).filter(name => !shown.has(name))).toEqual([]);
  });

  it('has panels that do not lie over each other', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos }) => gridPos.x + gridPos.w))).toBeLessThanOrEqual(24);
  });
});
