import { context, trace } from '@opentelemetry/api';
import type { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import type { ActiveContext } from './active-context.ts';

/**
 * Makes the provider and the context manager global; the answer undoes it.
 *
 * @throws TypeError where the application registered others before: half of a registration would be worse than none.
 */
export function registerGlobally(provider: BasicTracerProvider, active: ActiveContext): () => void {
  if (!context.setGlobalContextManager(active.manager)) {
    throw new TypeError('registerGlobally: a global context manager is registered already');
  }
  if (!trace.setGlobalTracerProvider(provider)) {
    context.disable();
    throw new TypeError('registerGlobally: a global tracer provider is registered already');
  }
  return () => {
    trace.disable();
    context.disable();
  };
}
