import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import type { RunningEnvoy } from '../harness/envoy.ts';
import { tracesRequest } from '../harness/otlp.ts';
import { bearer, passFor } from '../harness/passes.ts';
import { exportOverGrpc } from '../harness/raw-client.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { type Authority, type CertificateFiles, createAuthority, mountSecret } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';
import { startTheWay, type TheWay } from './the-way.ts';

await describeWithEngine(
  ['envoy', 'otelcol'],
  'the gateway and the auth server show each other certificates',
  engines => {
    const stage = new Stage();
    let way: TheWay;
    let piped: EnrolledPiped;
    let servers: Authority;
    let strangers: Authority;
    let ofGateway: CertificateFiles;
    let secret: Awaited<ReturnType<typeof mountSecret>>;

    beforeAll(async () => {
      const folder = await tempDir(stage, 'certificates');
      servers = await createAuthority(folder, 'servers');
      strangers = await createAuthority(folder, 'strangers');
      const gateways = await createAuthority(folder, 'gateways');
      ofGateway = await gateways.issue('gateway');
      const mounted = join(folder, 'mounted');
      secret = await mountSecret(mounted, ['tls.crt', 'tls.key']);
      await rotate('auth-0');
      const config = join(folder, 'server.yaml');
      const tls = {
        certFile: join(mounted, 'tls.crt'),
        keyFile: join(mounted, 'tls.key'),
        clientCaFile: gateways.caFile,
      };
      await writeFile(config, JSON.stringify({ tls }));
      way = await startTheWay(stage, engines, {
        checkMs: 1_000,
        config,
        authTls: { caFile: servers.caFile, ...ofGateway },
      });
      piped = await way.admin.enroll('shop', 'piped-1');
    });
    afterAll(() => stage.dispose());

    async function rotate(name: string): Promise<void> {
      const { certFile, keyFile } = await servers.issue(name);
      await secret.swap({ 'tls.crt': await readFile(certFile), 'tls.key': await readFile(keyFile) });
    }

    async function send(name: string, gateway: RunningEnvoy = way.gateway): Promise<number> {
      const pass = bearer(await passFor(piped.keyFile));
      return (await exportOverGrpc(gateway.grpcPort, tracesRequest(name), [pass])).code;
    }

    /** Whose certificate the auth server shows to a new connection. */
    async function shown(): Promise<string> {
      const [host = '', port] = way.authEndpoint.split(':');
      const own = { key: await readFile(ofGateway.keyFile), cert: await readFile(ofGateway.certFile) };
      const ca = await readFile(servers.caFile);
      const socket = await new Promise<TLSSocket>((resolve, reject) => {
        const opening = connect({ host, port: Number(port), ca, ALPNProtocols: ['h2'], ...own }, () =>
          resolve(opening),
        );
        opening.once('error', reject);
      });
      const { CN } = socket.getPeerCertificate().subject;
      socket.on('error', () => {}).destroy();
      return String(CN);
    }

    it('a check travels over mutual TLS', async () => {
      expect(await send('over mutual TLS')).toBe(status.OK);
      await way.sink.span('over mutual TLS');
      expect(await shown()).toBe('auth-0');
    });

    it('certificates change under load, and no export is lost', async () => {
      let isDone = false;
      const codes: number[] = [];
      const senders = Array.from({ length: 4 }, async () => {
        while (!isDone) codes.push(await send('while certificates change'));
      });
      try {
        for (let rotation = 1; rotation <= 5; rotation++) {
          const name = `auth-${rotation}`;
          await rotate(name);
          await waitFor(`the certificate ${name} to be shown`, async () => (await shown()) === name);
          if (rotation === 3) {
            // New connections of Envoy's, too, while the old ones go on.
            expect(
              await send('by a new gateway', await way.anotherGateway({ caFile: servers.caFile, ...ofGateway })),
            ).toBe(0);
          }
        }
        isDone = true;
        await Promise.all(senders);
      } finally {
        isDone = true;
        await Promise.all(senders);
      }
      expect(new Set(codes)).toEqual(new Set([status.OK]));
      expect(codes.length).toBeGreaterThan(50);
    });

    it('a key that does not belong to the certificate is refused in one line, and the old pair stays', async () => {
      const { certFile } = await servers.issue('auth-bad');
      const { keyFile } = await servers.issue('auth-other');
      await secret.swap({ 'tls.crt': await readFile(certFile), 'tls.key': await readFile(keyFile) });
      const refused = () =>
        way.authServer
          .output()
          .split('\n')
          .filter(line => line.includes('a certificate is refused'));
      await waitFor('the refusal in the log', () => refused().length > 0);
      expect(refused()).toHaveLength(1);
      expect(refused()[0]).toContain('tls.key is not the key of the certificate in');
      expect(await shown()).toBe('auth-5');
      expect(await send('with the old pair')).toBe(status.OK);
      const metrics = await (await fetch(`${way.metricsUrl}/metrics`)).text();
      expect(metrics).toContain('spanpass_config_reloads_total{part="tls",result="refused"} 1');
      expect(metrics).toContain('spanpass_config_reloads_total{part="tls",result="applied"} 5');
    });

    it('a gateway without a certificate, or with a stranger’s, passes nothing', async () => {
      const ofStranger = await strangers.issue('gateway');
      for (const own of [{}, ofStranger]) {
        const gateway = await way.anotherGateway({ caFile: servers.caFile, ...own });
        expect(await send('without a certificate', gateway)).toBe(status.UNAVAILABLE);
      }
    });

    it('a gateway asks no auth server whose certificate it does not trust, or that carries another name', async () => {
      const impostor = await way.anotherGateway({ caFile: strangers.caFile, ...ofGateway });
      expect(await send('to an impostor', impostor)).toBe(status.UNAVAILABLE);
      const other = { caFile: servers.caFile, ...ofGateway, serverNames: ['auth.example.org'] };
      expect(await send('to another name', await way.anotherGateway(other))).toBe(status.UNAVAILABLE);
      expect(way.sink.spans().map(({ name }) => name)).not.toContain('to an impostor');
    });
  },
);
