import { diag } from '@opentelemetry/api';

/** Says nothing unless the application set a `diag` logger. */
export const log = diag.createComponentLogger({ namespace: '@spanpass/tracing' });
