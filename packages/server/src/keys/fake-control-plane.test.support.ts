import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createKeyPair, encodeKeySnapshot, type KeyPair, type KeyRecord, signKeySnapshot } from '@spanpass/credential';
import { readBody } from './read-body.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A control plane whose every word the test decides, over real HTTP. */
export interface FakeControlPlane extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly records: Map<string, KeyRecord>;
  revision: number;
  /** Kids that were looked up. */
  readonly lookups: string[];
  /** What `since` the connections to the feed asked for. */
  readonly feeds: (string | null)[];
  /** Kids that snapshots were asked for, and how they are made. */
  readonly snapshots: string[][];
  snapshotSigner: KeyPair;
  snapshotNow: () => number;
  /** Default the current one. */
  snapshotRevision: number | undefined;
  /** Snapshots wait here after they were read. */
  afterSnapshot: Promise<void> | undefined;
  /** Lookups wait here before they read. */
  beforeRead: Promise<void> | undefined;
  /** Lookups wait here after they read. */
  afterRead: Promise<void> | undefined;
  /** Replaces the answer to lookups or to the feed. */
  answerKey: Answer | undefined;
  answerFeed: Answer | undefined;
  answerSnapshot: Answer | undefined;
  /** Whether a new connection to the feed gets the backlog and a heartbeat at once. Default true. */
  greets: boolean;
  put(record: KeyRecord): void;
  /** Changes records and tells the feed. */
  change(kid: string, changes: Partial<KeyRecord>): void;
  changePiped(project: string, piped: string, changes: { pipedStatus: KeyRecord['pipedStatus'] }): void;
  heartbeat(): void;
  send(event: string, data: unknown): void;
  dropFeeds(): void;
}

const TOKEN = 'test-token';
/** The pair of which a server under test pins the public half. */
export const snapshotSigner = await createKeyPair('ES256');

export async function startFakeControlPlane(): Promise<FakeControlPlane> {
  const feeds = new Set<ServerResponse>();
  const history: { revision: number; text: string }[] = [];

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    if (request.headers.authorization !== `Bearer ${TOKEN}`) problem(response, 401, 'unauthorized');
    else if (url.pathname === '/v1/changes') openFeed(url, request, response);
    else if (url.pathname === '/v1/snapshots') void answerSnapshot(request, response);
    else void answerKey(url, request, response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));

  const fake: FakeControlPlane = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: TOKEN,
    records: new Map(),
    revision: 10,
    lookups: [],
    feeds: [],
    snapshots: [],
    snapshotSigner,
    snapshotNow: Date.now,
    snapshotRevision: undefined,
    afterSnapshot: undefined,
    beforeRead: undefined,
    afterRead: undefined,
    answerKey: undefined,
    answerFeed: undefined,
    answerSnapshot: undefined,
    greets: true,
    put: record => {
      fake.revision++;
      fake.records.set(record.kid, { ...record, revision: fake.revision });
    },
    change: (kid, changes) => {
      const record = fake.records.get(kid);
      if (record === undefined) throw new Error('no such record');
      fake.revision++;
      const changed = { ...record, ...changes, revision: fake.revision };
      fake.records.set(kid, changed);
      publish({ revision: fake.revision, kind: 'key', record: changed });
    },
    changePiped: (project, piped, changes) => {
      fake.revision++;
      for (const record of fake.records.values()) {
        if (record.project !== project || record.piped !== piped) continue;
        fake.records.set(record.kid, { ...record, ...changes, revision: fake.revision });
      }
      publish({ revision: fake.revision, kind: 'piped', project, piped, ...changes });
    },
    heartbeat: () => fake.send('heartbeat', { revision: fake.revision }),
    send: (event, data) => {
      for (const feed of feeds) feed.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    dropFeeds: () => {
      for (const feed of feeds) feed.destroy();
    },
    [Symbol.asyncDispose]: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  function publish(change: { revision: number } & Record<string, unknown>): void {
    const text = `event: change\nid: ${change.revision}\ndata: ${JSON.stringify(change)}\n\n`;
    history.push({ revision: change.revision, text });
    for (const feed of feeds) feed.write(text);
  }

  function openFeed(url: URL, request: IncomingMessage, response: ServerResponse): void {
    const since = url.searchParams.get('since');
    fake.feeds.push(since);
    if (fake.answerFeed) {
      fake.answerFeed(request, response);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    feeds.add(response);
    response.on('close', () => feeds.delete(response));
    if (!fake.greets) return;
    for (const { revision, text } of history) if (since !== null && revision > Number(since)) response.write(text);
    response.write(`event: heartbeat\ndata: ${JSON.stringify({ revision: fake.revision })}\n\n`);
  }

  async function answerKey(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const kid = url.pathname.slice('/v1/keys/'.length);
    fake.lookups.push(kid);
    await fake.beforeRead;
    const record = fake.records.get(kid);
    const { revision } = fake;
    await fake.afterRead;
    if (fake.answerKey) {
      fake.answerKey(request, response);
      return;
    }
    response.setHeader('x-spanpass-revision', String(revision));
    if (record === undefined) problem(response, 404, 'key_unknown');
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(record));
  }

  async function answerSnapshot(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { kids } = JSON.parse(String(await readBody(request, 1 << 20)));
    fake.snapshots.push(kids);
    if (fake.answerSnapshot) {
      fake.answerSnapshot(request, response);
      return;
    }
    const records = (kids as string[]).flatMap(kid => fake.records.get(kid) ?? []);
    const body = encodeKeySnapshot(records);
    const revision = fake.snapshotRevision ?? fake.revision;
    const jws = await signKeySnapshot(fake.snapshotSigner, { body, revision, issuedAtMs: fake.snapshotNow() });
    await fake.afterSnapshot;
    response.writeHead(200, { 'content-type': 'application/json', 'x-spanpass-snapshot': jws }).end(body);
  }

  return fake;
}

function problem(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify({ status, code }));
}
