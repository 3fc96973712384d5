import type { CollectorSettings } from './options.ts';

const stamped = ['project-id', 'piped-id', 'service.namespace', 'service.instance.id'];

/**
 * The resource says who the gateway found, whatever the client wrote there. OTLP lets a resource carry one attribute several times, and
 * the processor's delete and upsert by key touch the first one only: a delete by pattern gets them all.
 */
export function stampIdentity({ projectHeader, pipedHeader }: CollectorSettings) {
  const anyCaseAndNumber = `(?i)^(${stamped.map(key => key.replaceAll('.', '\\.')).join('|')})$`;
  return {
    attributes: [
      { pattern: anyCaseAndNumber, action: 'delete' },
      upsert('project-id', projectHeader),
      upsert('service.namespace', projectHeader),
      upsert('piped-id', pipedHeader),
      upsert('service.instance.id', pipedHeader),
      // Shows what came without an identity; no project can be called so.
      { key: 'project-id', value: '!unidentified', action: 'insert' },
    ],
  };
}

function upsert(key: string, header: string) {
  return { key, from_context: `metadata.${header}`, action: 'upsert' };
}
