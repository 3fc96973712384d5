import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TraceStoreDouble extends AsyncDisposable {
  readonly url: string;
  /** What was asked for. */
  readonly asked: string[];
  answer: { status: number; body: unknown };
}

/** A query API of Jaeger's that always gives the same answer. */
export async function startTraceStore(body: unknown): Promise<TraceStoreDouble> {
  const server = createServer((request, response) => {
    double.asked.push(request.url ?? '');
    const { status, body } = double.answer;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const double: TraceStoreDouble = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    answer: { status: 200, body },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
  return double;
}

const tags = (values: Record<string, unknown>) => Object.entries(values).map(([key, value]) => ({ key, value }));

/** A trace in Jaeger's terms, whose spans are those of the given projects. */
export function jaegerTrace(traceID: string, projects: readonly string[]) {
  const spans = projects.flatMap((_, at) => [
    {
      spanID: `a${at}`,
      operationName: 'Deploy',
      references: [],
      startTime: 2_000_000,
      duration: 3_000_000,
      tags: tags({ 'deployment-id': 'd-1', 'application-id': 'cart', error: true }),
      processID: `p${at}`,
    },
    {
      spanID: `b${at}`,
      operationName: 'K8S_SYNC',
      references: [{ refType: 'CHILD_OF', traceID, spanID: `a${at}` }],
      startTime: 3_000_000,
      duration: 1_000_000,
      tags: null,
      processID: `p${at}`,
    },
  ]);
  const processes = projects.map((project, at) => [
    `p${at}`,
    { tags: tags({ 'project-id': project, 'piped-id': 'edge-1', 'service.version': '1.2.3' }) },
  ]);
  return { traceID, spans, processes: Object.fromEntries(processes) };
}
