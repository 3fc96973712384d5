import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import { REFUSALS, type RefusalCode } from '@spanpass/server';
import type { Logger } from 'pino';

/** `ExportResultCode.SUCCESS` */
const SUCCESS = 0;

/**
 * Tells when spans begin to be lost and when they are not any more, and of nothing in between. That a gateway refuses
 * them is said by its reason: it may be the very one that this server guards, which would check its own traces for ever.
 */
export function toldOfFailures(exporter: SpanExporter, logger: Logger): SpanExporter {
  let last = 'fine';
  return {
    export(spans, done) {
      exporter.export(spans, result => {
        const problem = result.code === SUCCESS ? undefined : problemOf(result.error);
        const now = problem === undefined ? 'fine' : JSON.stringify(problem);
        if (now !== last) tell(logger, problem);
        last = now;
        done(result);
      });
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
}

interface Problem {
  readonly error: string;
  readonly code?: string | number;
  /** Why a gateway of ours refused them. */
  readonly reason?: RefusalCode;
}

function tell(logger: Logger, problem: Problem | undefined): void {
  if (problem === undefined) logger.info('spans of checks arrive again');
  else if (problem.reason === undefined) logger.warn({ problem }, 'spans of checks do not arrive');
  else logger.warn({ problem }, 'a gateway refuses the spans of checks: send them around it, or with a pass');
}

/** Of what a backend answered, nothing but codes. */
function problemOf(error: (Error & { code?: unknown; data?: unknown }) | undefined): Problem {
  const { code } = error ?? {};
  const text = `${error?.message ?? ''} ${typeof error?.data === 'string' ? error.data : ''}`;
  const reason = text.match(/[a-z_]+(?=: )/g)?.find((word): word is RefusalCode => Object.hasOwn(REFUSALS, word));
  return {
    error: error?.name ?? 'unknown',
    ...((typeof code === 'number' || typeof code === 'string') && { code }),
    ...(reason && { reason }),
  };
}
