/**
 * The same answer as the grpc-js echo, from `node:http2` alone: how much of a gRPC server in Node.js is grpc-js, and how much
 * Node's HTTP/2. It reads the request to its end, and speaks just enough of gRPC for a unary call. `--no-date` leaves that header
 * out, `--no-table` keeps no table of headers that came before.
 */
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { framed } from '../check-request.ts';
import { allowed } from './answers.ts';
import { endWhenTold, sayPort } from './until-told.ts';

const answer = framed(allowed());
const headers = { ':status': 200, 'content-type': 'application/grpc+proto' };
const trailers = { 'grpc-status': '0' };

const options = { waitForTrailers: true, sendDate: !process.argv.includes('--no-date') };
const server = createServer(process.argv.includes('--no-table') ? { settings: { headerTableSize: 0 } } : {});
server.on('stream', stream => {
  stream.on('data', () => {});
  stream.on('end', () => {
    stream.respond(headers, options);
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(answer);
  });
});
endWhenTold();
server.listen(0, '127.0.0.1', () => sayPort((server.address() as AddressInfo).port));
