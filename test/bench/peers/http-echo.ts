/** A bare node:http server that allows everybody: what the transport alone costs. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { endWhenTold, sayPort } from './until-told.ts';

const headers = { 'x-spanpass-project': 'shop', 'x-spanpass-piped': 'edge-1', 'content-length': '0' };
const server = createServer((_request, response) => {
  response.writeHead(200, headers).end();
});
endWhenTold();
server.listen(0, '127.0.0.1', () => sayPort((server.address() as AddressInfo).port));
