import { type Attributes, type Context, createContextKey } from '@opentelemetry/api';
import type { Span, SpanProcessor } from '@opentelemetry/sdk-trace-base';

const TAGS = createContextKey('spanpass deployment tags');

export function withOnlyTags(context: Context, tags: Attributes): Context {
  return context.setValue(TAGS, tags);
}

export function withTags(context: Context, tags: Attributes): Context {
  return withOnlyTags(context, { ...tagsOf(context), ...tags });
}

export function tagsOf(context: Context): Attributes {
  return (context.getValue(TAGS) as Attributes | undefined) ?? {};
}

/**
 * Puts a deployment's tags on each span that starts within it, those of third-party instrumentations included. It must
 * stand before the processors that export. What a span says of itself is left as it is.
 */
export class DeploymentTagsProcessor implements SpanProcessor {
  onStart(span: Span, parentContext: Context): void {
    for (const [name, value] of Object.entries(tagsOf(parentContext))) {
      if (value !== undefined && span.attributes[name] === undefined) span.setAttribute(name, value);
    }
  }

  onEnd(): void {}

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
