import { status } from '@grpc/grpc-js';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { tracesRequest } from '../harness/otlp.ts';
import { bearer, passFor } from '../harness/passes.ts';
import { type RunningPostgres, startPostgres } from '../harness/postgres.ts';
import { exportOverGrpc } from '../harness/raw-client.ts';
import { valuesOf } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';
import { startTheWay, type TheWay } from './the-way.ts';

await describeWithEngine(['envoy', 'otelcol', 'postgres'], 'the same on a PostgreSQL server', engines => {
  const stage = new Stage();
  let database: RunningPostgres;
  let way: TheWay;

  beforeAll(async () => {
    database = await startPostgres(stage, engines.postgres);
    way = await startTheWay(stage, engines, { databaseUrl: database.url });
  });
  afterAll(() => stage.dispose());

  it('a piped is registered, sends, and is refused within a second of its revocation', async () => {
    const { keyFile } = await way.admin.enroll('shop', 'piped-1');
    const pass = bearer(await passFor(keyFile));
    const send = (name: string) => exportOverGrpc(way.gateway.grpcPort, tracesRequest(name), [pass]);
    expect(await send('on PostgreSQL')).toMatchObject({ code: status.OK });
    const { resource } = await way.sink.span('on PostgreSQL');
    expect(valuesOf(resource, 'project-id')).toEqual(['shop']);

    await way.admin.revoke(keyFile.kid);
    const refused = await waitFor(
      'the revocation',
      async () => {
        const outcome = await send('after its revocation');
        return outcome.code !== status.OK && outcome;
      },
      1_000,
    );
    expect(refused.code).toBe(status.UNAUTHENTICATED);
    expect(refused.message).toMatch(/^key_revoked: /);
  });

  it('and that server has it all', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query(
      "select count(*)::int as tables from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema')",
    );
    await client.end();
    expect(rows[0].tables).toBeGreaterThan(3);
  });
});
