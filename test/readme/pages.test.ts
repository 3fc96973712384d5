import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { repoRoot } from '../engines/root.ts';
import { run } from '../engines/run.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { builtModules } from './build-modules.ts';
import { checkData, envoyValidates } from './data.ts';
import { allFences, type Fence, fencesIn } from './fences.ts';
import { walkedElsewhere, walks } from './walks.ts';
import { startWorld, type Terminal, type World } from './world.ts';

const fences = await allFences();
const isCode = ({ language, notRun }: Fence) => notRun === undefined && ['sh', 'ts'].includes(language);
const isData = ({ language, notRun }: Fence) => notRun === undefined && ['yaml', 'json'].includes(language);
const where = ({ page, line }: Fence) => `${page}:${line}`;
const stepsOf = (page: string) => fences.filter(fence => fence.page === page && isCode(fence));

describe('every block of code in the documentation', () => {
  const walked = new Set([...walks.map(({ page }) => page), ...Object.keys(walkedElsewhere)]);

  it('is run or judged by a test (put its page into walks.ts, or mark the block: ```sh no-run="why")', () => {
    const unclaimed = fences.filter(fence => fence.notRun === undefined && !isData(fence) && !walked.has(fence.page));
    expect(unclaimed.filter(({ language }) => language !== 'text').map(where)).toEqual([]);
  });

  it('has a language; js is ts, since it is the type checker that finds what is out of date', () => {
    const known = ['sh', 'ts', 'yaml', 'json', 'text'];
    const strange = fences.filter(fence => fence.notRun === undefined && !known.includes(fence.language));
    expect(strange.filter(({ page }) => !(page in walkedElsewhere)).map(where)).toEqual([]);
  });

  it('is left out rarely, and says why', () => {
    const reasons = fences.flatMap(({ notRun }) => (notRun === undefined ? [] : [notRun]));
    expect(reasons.filter(reason => reason.length < 15)).toEqual([]);
    expect(reasons.length).toBeLessThan(fences.length / 8);
  });

  it('and each other test that a page is left to is there', () => {
    expect(Object.values(walkedElsewhere).filter(file => !existsSync(join(repoRoot, file)))).toEqual([]);
  });
});

it('blocks are found in lists too, with their marks', () => {
  const page = 'A\n\n1. B\n\n   ```sh\n   one\n     two\n   ```\n\n```yaml no-run="for another program"\na: 1\n```\n';
  expect(fencesIn('p.md', page)).toEqual([
    { page: 'p.md', line: 5, language: 'sh', notRun: undefined, code: 'one\n  two\n' },
    { page: 'p.md', line: 10, language: 'yaml', notRun: 'for another program', code: 'a: 1\n' },
  ]);
});

await describeWithEngine(['envoy', 'otelcol'], 'pages, as their readers follow them', engines => {
  const stage = new Stage();
  let world: World;
  let modules: ReadonlyMap<Fence, string>;
  const terminals = new Map<string, Terminal>();

  beforeAll(async () => {
    world = await startWorld(stage);
    for (const { page, piped, before } of walks) {
      const terminal = await world.terminal(page);
      terminals.set(page, terminal);
      if (piped !== undefined) await terminal.enroll(piped);
      if (before !== undefined) await terminal.run(before);
    }
    const typescript = walks.flatMap(({ page }) => stepsOf(page).filter(({ language }) => language === 'ts'));
    modules = await builtModules(stage, typescript, (code, { page }) => terminals.get(page)?.translated(code) ?? code);
  });
  afterAll(() => stage.dispose());

  describe.each(walks)('$page', ({ page, sees = [] }) => {
    let printed = '';
    let failed = false;

    afterAll(() => terminals.get(page)?.end());

    it.each(stepsOf(page).map(fence => ({ fence, line: fence.line })))('line $line', async ({ fence }) => {
      if (failed) throw new Error('an earlier block of this page failed');
      failed = true;
      const terminal = terminals.get(page);
      const module = modules.get(fence);
      printed += (await (module === undefined ? terminal?.run(fence.code) : terminal?.runModule(module))) ?? '';
      failed = false;
    });

    it('has blocks to run', () => expect(stepsOf(page)).not.toEqual([]));

    it('shows what it promises', () => {
      for (const what of sees) {
        if (typeof what === 'string') expect(printed).toContain(what);
        else expect(printed).toMatch(what);
      }
    });

    it('and what it made for Envoy and the Collector is taken by them', async () => {
      const folder = terminals.get(page)?.folder ?? '';
      const [envoy, collector] = ['envoy.yaml', 'collector.yaml'].map(name => join(folder, name));
      if (envoy !== undefined && existsSync(envoy)) await envoyValidates(envoy, engines.envoy);
      if (collector !== undefined && existsSync(collector)) {
        const text = await readFile(collector, 'utf8');
        expect(text).toContain('receivers:');
        await run(engines.otelcol.path, ['validate', '--config', collector], {
          cwd: folder,
          env: { GATEWAY_TOKEN: 'token' },
        });
      }
    });
  });

  it('the deployment of the README is at the gateway', async () => {
    const answer = await fetch(`${world.metrics}/api/traces?service=piped`);
    const { data } = (await answer.json()) as { data: { spans: { operationName: string }[] }[] };
    const names = data.flatMap(({ spans }) => spans.map(({ operationName }) => operationName));
    expect(names).toEqual(expect.arrayContaining(['Deploy', 'K8S_CANARY_ROLLOUT', 'Plan', 'apply']));
  });

  it.each(fences.filter(isData).map(fence => ({ at: where(fence), fence })))(
    '$at is taken by whoever reads it',
    async ({ fence }) => checkData(fence, engines, await tempDir(stage, 'data')),
  );
});
