import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { testRoot } from '../engines/root.ts';
import { Stage } from '../harness/stage.ts';
import {
  allArrived,
  bytesAreEqual,
  exported,
  outageAndKill,
  type SidecarStory,
  startSidecarStory,
} from './sidecar-story.ts';

const COUNT = 350;
const program = join(testRoot, 'e2e', 'exporter.py');

await describeWithEngine(
  ['envoy', 'otelcol', 'otel-python'],
  "pipeds in Python send through 'spanpass forward', over gRPC and over HTTP",
  engines => {
    const stage = new Stage();
    let story: SidecarStory;

    beforeAll(async () => {
      story = await startSidecarStory(stage, engines);
    });
    afterAll(() => stage.dispose());

    it('nothing is lost by an outage of the gateway and a killed sidecar', { timeout: 120_000 }, async () => {
      const { before } = story;
      const run = (protocol: 'grpc' | 'http') =>
        exported(engines['otel-python'].path, [program, protocol, before[protocol].url, String(COUNT), '40']);
      const exporting = Promise.all([run('grpc'), run('http')]);
      await outageAndKill(story);
      expect(await exporting).toEqual([COUNT, COUNT]);
      const names = ['grpc', 'http'].flatMap(protocol =>
        Array.from({ length: COUNT }, (_, index) => `python ${protocol} ${index}`),
      );
      await allArrived(story, names);
      const metrics = new Set(
        story.way.sink.others().flatMap(({ signal, name }) => (signal === 'metrics' ? [name] : [])),
      );
      expect([...metrics].sort()).toEqual(['python.grpc.spans', 'python.http.spans']);
    });

    it('and the bytes are those that the exporters sent', () => {
      const { before, behind } = story;
      bytesAreEqual([...before.grpc.requests, ...before.http.requests], behind.requests);
    });
  },
);
