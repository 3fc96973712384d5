/**
 * The backend as a process of its own, to be killed and frozen: an OTLP/HTTP server for JSON that has each span in a file
 * before it answers, so that what it took is not lost with it.
 *
 *   node test/dist/chaos/recording-sink.js PORT FILE
 */
import { openSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { spansOf } from '../harness/sink.ts';

const [, , port, path = ''] = process.argv;
const file = openSync(path, 'a');
// What the one before it left of its last line is no part of the next.
writeSync(file, '\n');

const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    const body = await buffer(request);
    const json = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    writeSync(file, `${JSON.stringify(spansOf(json.toString('utf8')))}\n`);
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
});
server.listen(Number(port), '127.0.0.1');
