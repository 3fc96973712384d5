import { create } from '@bufbuild/protobuf';
import { AnyValueSchema, type KeyValue, KeyValueSchema, ResourceSchema } from '../generated/otlp_pb.ts';
import type { Batch } from './batch.ts';

/** Who sent a batch, as the gateway verified it. */
export interface Identity {
  readonly project: string;
  readonly piped: string;
}

const ON_RESOURCE = new Set(['project-id', 'piped-id', 'service.namespace', 'service.instance.id']);
const LOOK_ALIKES = new Set(['project-id', 'piped-id']);

/**
 * Makes the verified identity the only one in a batch. On each resource every copy, in any case, of `project-id`,
 * `piped-id`, `service.namespace` and `service.instance.id` goes, and the verified ones come; `project-id` and
 * `piped-id` also go from scopes, spans, events and links, where nothing true could be said by them.
 */
export function stamp(batch: Batch, { project, piped }: Identity): void {
  for (const entry of batch.entries) {
    entry.resource ??= create(ResourceSchema);
    entry.resource.attributes = [
      ...without(entry.resource.attributes, ON_RESOURCE),
      attribute('project-id', project),
      attribute('piped-id', piped),
      attribute('service.namespace', project),
      attribute('service.instance.id', piped),
    ];
  }
  for (const { scopeSpans } of batch.traces?.resourceSpans ?? []) {
    for (const { scope, spans } of scopeSpans) {
      if (scope) removeLookAlikes(scope);
      for (const span of spans) {
        removeLookAlikes(span);
        span.events.forEach(removeLookAlikes);
        span.links.forEach(removeLookAlikes);
      }
    }
  }
}

function removeLookAlikes(holder: { attributes: KeyValue[] }): void {
  holder.attributes = without(holder.attributes, LOOK_ALIKES);
}

function without(attributes: KeyValue[], keys: ReadonlySet<string>): KeyValue[] {
  return attributes.filter(({ key }) => !keys.has(key.toLowerCase()));
}

function attribute(key: string, value: string): KeyValue {
  return create(KeyValueSchema, {
    key,
    value: create(AnyValueSchema, { value: { case: 'stringValue', value } }),
  });
}
