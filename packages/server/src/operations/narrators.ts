import type { TracerProvider } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { Observer } from '../observer.ts';
import { shadowLog } from '../shadow/shadow-log.ts';
import { checkSpans } from './check-spans.ts';
import { refusalLog } from './refusal-log.ts';

export interface NarratorOptions {
  readonly tracerProvider?: TracerProvider;
  readonly docsUrl?: string;
}

/** Those who tell of checks one by one: the logs, and traces where they are wanted. */
export function narrators({ tracerProvider, docsUrl }: NarratorOptions, logger: Logger): readonly Observer[] {
  const options = docsUrl === undefined ? {} : { docsUrl };
  const logs = [refusalLog(logger, options), shadowLog(logger, options)];
  return tracerProvider === undefined ? logs : [...logs, checkSpans(tracerProvider)];
}
