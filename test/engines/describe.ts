import { describe, it } from 'vitest';
import { type Engine, EngineMissing, type EngineName, engineOrMissing } from './index.ts';

export type Engines<Name extends EngineName> = Readonly<Record<Name, Engine>>;

/**
 * A suite that needs real engines: `await describeWithEngine(['envoy', 'otelcol'], 'the gateway', engines => { … })`, awaited at
 * the top level of a test file. Where one can't be had the suite shows up as skipped, its title says which one and why; with
 * `CI=true` it fails instead, since a suite that silently does not run proves nothing.
 */
export async function describeWithEngine<Name extends EngineName>(
  names: readonly Name[],
  title: string,
  suite: (engines: Engines<Name>) => void,
): Promise<void> {
  const found: Partial<Record<Name, Engine>> = {};
  for (const name of names) {
    const result = await engineOrMissing(name);
    if (result instanceof EngineMissing) {
      announceMissing(title, result);
      return;
    }
    found[name] = result;
  }
  describe(title, () => suite(found as Engines<Name>));
}

function announceMissing(title: string, missing: EngineMissing): void {
  if (process.env.CI === 'true') {
    describe(title, () => {
      it(`has the engine ${missing.engine}`, () => {
        throw missing;
      });
    });
  } else {
    describe.skip(`${title} (skipped: ${missing.message})`, () => {
      it(`needs ${missing.engine}`, () => {});
    });
  }
}
