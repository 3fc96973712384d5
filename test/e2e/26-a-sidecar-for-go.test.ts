import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { Stage } from '../harness/stage.ts';
import {
  allArrived,
  bytesAreEqual,
  exported,
  outageAndKill,
  type SidecarStory,
  startSidecarStory,
} from './sidecar-story.ts';

const COUNT = 700;

await describeWithEngine(['envoy', 'otelcol', 'otel-go'], "a piped in Go sends through 'spanpass forward'", engines => {
  const stage = new Stage();
  let story: SidecarStory;

  beforeAll(async () => {
    story = await startSidecarStory(stage, engines);
  });
  afterAll(() => stage.dispose());

  it('nothing is lost by an outage of the gateway and a killed sidecar', { timeout: 120_000 }, async () => {
    const exporting = exported(engines['otel-go'].path, [story.before.grpc.url, String(COUNT), '20']);
    await outageAndKill(story);
    expect(await exporting).toBe(COUNT);
    await allArrived(
      story,
      Array.from({ length: COUNT }, (_, index) => `go ${index}`),
    );
    expect(story.way.sink.others().some(({ name }) => name === 'go.spans')).toBe(true);
  });

  it('and the bytes are those that the exporter sent', () => {
    bytesAreEqual(story.before.grpc.requests, story.behind.requests);
    expect(story.before.grpc.requests.some(({ accepted }) => !accepted)).toBe(true);
    expect(story.behind.requests.some(({ accepted }) => !accepted)).toBe(true);
  });
});
