import { describeWithEngine } from '../engines/describe.ts';
import { pipedInPython } from '../engines/examples.ts';
import { tellPipedStory } from './piped-story.ts';

await describeWithEngine(['envoy', 'otelcol', 'piped-python'], 'a piped in Python', engines => {
  tellPipedStory(engines, {
    language: 'python',
    command: engines['piped-python'].path,
    args: [pipedInPython],
    protocol: 'http',
    runFlags: ['--every', '0.2', '--life', '3'],
    // Its exporter tells the status alone; the reason is in the body, and in the gateway's log.
    refusalSays: () => /\b401\b/,
  });
});
