import type { IncomingMessage } from 'node:http';

/** Looks a header up that must have been sent exactly once. */
export function traceHeaderOf(request: IncomingMessage): (name: string) => string | undefined {
  return name => {
    const values = request.headersDistinct[name];
    return values?.length === 1 ? values[0] : undefined;
  };
}
