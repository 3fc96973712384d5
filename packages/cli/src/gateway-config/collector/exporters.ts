import { formatEndpoint } from '../endpoint.ts';
import type { Yaml } from '../yaml.ts';
import type { CollectorSettings } from './options.ts';

export const queueStorage = 'file_storage/queue';

/** Name to configuration, in the order given. */
export function exporters(settings: CollectorSettings): { readonly [id: string]: Yaml } {
  const own = settings.exportTo.map((backend, index): [string, Yaml] => [
    `${backend.protocol === 'grpc' ? 'otlp_grpc' : 'otlp_http'}/${index + 1}`,
    { ...target(backend), ...keepUntilDelivered(settings) },
  ]);
  return { ...Object.fromEntries(own), ...settings.extraExporters };
}

function target(backend: CollectorSettings['exportTo'][number]): { readonly [key: string]: Yaml } {
  return backend.protocol === 'grpc'
    ? { endpoint: formatEndpoint(backend.endpoint), tls: { insecure: backend.insecure } }
    : { endpoint: backend.endpoint, encoding: backend.encoding };
}

/**
 * What was acknowledged is on disk, and stays there until the backend took it. No batch processor anywhere: it would acknowledge from
 * memory, and lose the request's identity before it is stamped.
 */
function keepUntilDelivered({ queueMaxBytes }: CollectorSettings) {
  return {
    retry_on_failure: { enabled: true, initial_interval: '200ms', max_interval: '5s', max_elapsed_time: '0s' },
    sending_queue: { enabled: true, sizer: 'bytes', queue_size: queueMaxBytes, storage: queueStorage },
  };
}
