import { readFile } from 'node:fs/promises';
import type { KeyFile } from '@spanpass/credential';
import { run } from '../../engines/run.ts';
import { passFor } from '../../harness/passes.ts';
import { startProcess } from '../../harness/process.ts';
import { Stage } from '../../harness/stage.ts';
import { builtScript } from '../built.ts';
import type { DriveResult } from '../drive/answer-all.ts';
import type { SteadyResult } from '../drive/steady.ts';
import type { Asked } from '../peers/control-plane.ts';
import type { Row } from '../row.ts';
import { manyKeys } from '../world/many-keys.ts';
import { standInControlPlane } from '../world/peers.ts';
import { startAuthServer } from '../world/spanpass.ts';

const script = (name: string) => builtScript(`drive/${name}`);

/** An auth server that knows nothing yet, and every piped at once. */
export const stormRows: readonly Row[] = [
  {
    id: 'storm/restart',
    label: '**spanpass**, look-ups and signatures',
    async open(world, { storm }) {
      const keys = await manyKeys(world, storm.pipeds);
      const controlPlane = await standInControlPlane(world, keys.recordsPath);
      const controlPlaneUrl = `http://127.0.0.1:${controlPlane.port}`;
      const [known] = JSON.parse(await readFile(keys.keyFilesPath, 'utf8')) as KeyFile[];
      if (known === undefined) throw new Error('a storm needs pipeds');
      return async () => {
        const stage = new Stage();
        try {
          const server = await startAuthServer(world, { controlPlaneUrl }, stage);
          const steady = await startProcess(stage, {
            name: 'steady checks',
            command: process.execPath,
            args: [script('steady'), String(server.port), String(storm.cachedPerSecond), await passFor(known)],
            ready: () => true,
          });
          const args = [script('storm'), String(server.port), keys.keyFilesPath, String(storm.inFlight)];
          const drive = JSON.parse(await run(process.execPath, args, { timeoutMs: 300_000 })) as DriveResult;
          await steady.stop();
          const cached = JSON.parse(steady.output().replace('ready\n', '')) as SteadyResult;
          const asked = (await (await fetch(`${controlPlaneUrl}/asked`)).json()) as Asked;
          const { seconds, p50Ms, p99Ms, maxMs, answers } = drive;
          return {
            seconds,
            perSecond: storm.pipeds / seconds,
            refused: storm.pipeds - (answers[0] ?? 0) + cached.refused,
            p50Ms,
            p99Ms,
            maxMs,
            lookupsPerKey: asked.mostForOneKid,
            cachedP50Ms: cached.p50Ms,
            cachedP99Ms: cached.p99Ms,
          };
        } finally {
          await stage.dispose();
        }
      };
    },
  },
];
