import { pino } from 'pino';
import { createPiped } from '../fixture.test.support.ts';
import { startFakeControlPlane } from '../keys/fake-control-plane.test.support.ts';
import { startAuthServer } from '../start-auth-server.ts';
import type { AuthServerOptions } from './options.ts';

/** An auth server on the real clock, and a control plane with one piped; `open` gets what is to be closed. */
export async function startWithPiped(open: AsyncDisposable[], options: Partial<AuthServerOptions> = {}) {
  const controlPlane = await startFakeControlPlane();
  open.push(controlPlane);
  const piped = await createPiped();
  const seconds = Math.floor(Date.now() / 1000);
  controlPlane.put({ ...piped.record, notBefore: seconds - 60, notAfter: seconds + 3600 });
  const lines: string[] = [];
  const auth = await startAuthServer({
    controlPlane: { url: controlPlane.url, token: controlPlane.token },
    port: 0,
    http: { port: 0 },
    metrics: { port: 0 },
    logger: pino({}, { write: (line: string) => lines.push(line) }),
    ...options,
  });
  open.push(auth);
  return { controlPlane, piped, auth, lines };
}
