import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Stage } from './stage.ts';

export type RawHttpAnswer = (request: IncomingMessage, response: ServerResponse) => void;

export interface RawHttpAuthServer {
  readonly endpoint: string;
  answer: RawHttpAnswer;
}

/** An auth server over HTTP that answers a check with anything: for what no correct server would answer. */
export async function startRawHttpAuthServer(stage: Stage, answer: RawHttpAnswer): Promise<RawHttpAuthServer> {
  const state = { answer };
  const server = createServer((request, response) => {
    // A health check, not a check.
    if (request.url === '/') response.writeHead(404).end();
    else state.answer(request, response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  stage.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get answer() {
      return state.answer;
    },
    set answer(next) {
      state.answer = next;
    },
  };
}
