import type { Logger } from 'pino';
import type { ReloadMetrics, ReloadPart } from '../operations/reload-metrics.ts';
import type { TlsOptions } from '../tls/options.ts';
import { openTls, type TlsSource } from '../tls/tls-source.ts';

/** The certificates of the listeners, where they have one. */
export interface Certificates extends AsyncDisposable {
  readonly checks: TlsSource | undefined;
  readonly metrics: TlsSource | undefined;
}

interface Told {
  readonly logger: Logger;
  readonly reloaded: ReloadMetrics['reloaded'];
}

/** @throws TlsError */
export async function openCertificates(
  { tls, metricsTls }: { readonly tls: TlsOptions | undefined; readonly metricsTls: TlsOptions | undefined },
  told: Told,
): Promise<Certificates> {
  const checks = tls && (await open('tls', tls, told));
  try {
    const metrics = metricsTls && (await open('metrics_tls', metricsTls, told));
    const close = async () => {
      await checks?.[Symbol.asyncDispose]();
      await metrics?.[Symbol.asyncDispose]();
    };
    return { checks, metrics, [Symbol.asyncDispose]: close };
  } catch (error) {
    await checks?.[Symbol.asyncDispose]();
    throw error;
  }
}

function open(part: ReloadPart, options: TlsOptions, { logger, reloaded }: Told): Promise<TlsSource> {
  return openTls(options, {
    onChange(change) {
      if ('refused' in change) {
        const { code, message } = change.refused;
        logger.error({ part, code, problem: message }, 'a certificate is refused, the old one stays in use');
      } else {
        const expiresAt = new Date(change.expiresAt * 1000).toISOString();
        logger.info({ part, expiresAt }, 'a certificate was replaced');
      }
      reloaded(part, 'refused' in change ? 'refused' : 'applied');
    },
  });
}
