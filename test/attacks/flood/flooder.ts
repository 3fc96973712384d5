import { randomBytes, randomUUID } from 'node:crypto';
import { connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the flooding process is told on its command line, as JSON. */
export interface FloodOrder {
  /** The gateway's OTLP/gRPC port. */
  readonly port: number;
  readonly count: number;
  readonly atATime: number;
  /** The header of a good pass, which anybody can read, and its claims. */
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** `kids`: each with a kid that nobody has. `signatures`: the kid of the good pass under a signature of nobody. */
  readonly forge: 'kids' | 'signatures';
}

/** What it found, on its standard output, as JSON: how many calls ended with which gRPC status. */
export type FloodOutcome = Readonly<Record<string, number>>;

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claimsOf = ({ claims }: FloodOrder) => encode({ ...claims, jti: randomUUID() });
const forged = (order: FloodOrder) => {
  const kid = order.forge === 'kids' ? randomBytes(32).toString('base64url') : order.header.kid;
  return `${encode({ ...order.header, kid })}.${claimsOf(order)}.${randomBytes(64).toString('base64url')}`;
};

async function flood(order: FloodOrder): Promise<FloodOutcome> {
  const outcome: Record<string, number> = {};
  const sessions = Array.from({ length: 4 }, () => connect(`http://127.0.0.1:${order.port}`));
  let next = 0;
  const call = (authorization: string, session: number) =>
    new Promise<string>((resolve, reject) => {
      const stream = sessions[session]?.request({
        ':method': 'POST',
        ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        'content-type': 'application/grpc',
        te: 'trailers',
        authorization,
      });
      if (stream === undefined) return reject(new Error('no session'));
      let status = 'none';
      const read = (headers: Readonly<Record<string, unknown>>) => {
        if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status']);
      };
      stream.on('response', read).on('trailers', read).on('error', reject);
      stream.on('close', () => resolve(status));
      stream.resume();
      stream.end(Buffer.alloc(5));
    });
  const worker = async (_: unknown, at: number) => {
    while (next < order.count) {
      next++;
      const status = await call(`Bearer ${forged(order)}`, at % sessions.length);
      outcome[status] = (outcome[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: order.atATime }, worker));
  for (const session of sessions) session.close();
  return outcome;
}

const [order] = process.argv.slice(2);
if (order !== undefined) {
  process.stdout.write(JSON.stringify(await flood(JSON.parse(order) as FloodOrder)));
  // Its end tells that all is said.
  await sleep(0);
}
