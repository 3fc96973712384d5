import { describeWithEngine } from '../engines/describe.ts';
import { tellPipedStory } from './piped-story.ts';

await describeWithEngine(['envoy', 'otelcol', 'piped-go'], 'a piped in Go', engines => {
  tellPipedStory(engines, {
    language: 'go',
    command: engines['piped-go'].path,
    args: [],
    protocol: 'grpc',
    runFlags: ['-every', '200ms', '-life', '3s'],
    refusalSays: reason => new RegExp(`Unauthenticated desc = ${reason}: `),
  });
});
