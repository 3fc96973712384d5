import { type Context, context, ROOT_CONTEXT } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';

/**
 * Which span is the current one, kept in an `AsyncLocalStorage` of its own, so that nested work finds its parent in an
 * application that registered no global context manager. Where there is one, it is kept up to date as well, and
 * instrumentations make children too.
 */
export class ActiveContext {
  readonly manager = new AsyncLocalStorageContextManager();

  current(): Context {
    const shared = context.active();
    return shared === ROOT_CONTEXT ? this.manager.active() : shared;
  }

  run<T>(active: Context, fn: () => T): T {
    return context.with(active, () => this.manager.with(active, fn));
  }
}
