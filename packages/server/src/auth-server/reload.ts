import type { ReloadMetrics } from '../operations/reload-metrics.ts';
import type { SwitchableServer } from '../switchable-server.ts';
import type { TlsOptions } from '../tls/options.ts';
import type { TlsSource } from '../tls/tls-source.ts';
import type { Certificates } from './certificates.ts';
import type { AuthServer, AuthServerRules } from './options.ts';
import type { RulesServer } from './rules.ts';

interface Reloaded {
  readonly server: SwitchableServer<RulesServer>;
  readonly certificates: Certificates;
  /** @throws TypeError */
  serverOf(rules: AuthServerRules): RulesServer;
  readonly metrics: ReloadMetrics;
}

/** One reload at a time; each judges all that changes before it takes any of it into use. */
export function reloadOf({ server, certificates, serverOf, metrics }: Reloaded): AuthServer['reload'] {
  let last: Promise<unknown> = Promise.resolve();

  async function reload(changes: Parameters<AuthServer['reload']>[0]): Promise<void> {
    try {
      const { tls, metricsTls, ...rules } = typeof changes === 'function' ? await changes() : changes;
      const next = serverOf(rules);
      const takeCertificates = [
        await prepare('tls', certificates.checks, tls),
        await prepare('metricsTls', certificates.metrics, metricsTls),
      ];
      const answered = server.switchTo(next);
      for (const take of takeCertificates) await take?.();
      await answered;
    } catch (error) {
      metrics.reloaded('settings', 'refused');
      throw error;
    }
    metrics.reloaded('settings', 'applied');
  }

  return changes => {
    const done = last.then(() => reload(changes));
    last = done.catch(() => {});
    return done;
  };
}

async function prepare(name: string, source: TlsSource | undefined, options: TlsOptions | undefined) {
  if (source !== undefined) return source.prepare(options);
  if (options !== undefined) throw new TypeError(`${name}: TLS can only be turned on with a restart`);
  return undefined;
}
