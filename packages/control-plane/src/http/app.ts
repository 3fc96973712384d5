import type { Socket } from 'node:net';
import swagger from '@fastify/swagger';
import { type FastifyError, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import type { ListenerTls } from '../options.ts';
import { Refusal } from '../problems/refusal.ts';
import { guardRoutes } from './access.ts';
import { sendProblem } from './answers.ts';
import type { App, Context } from './context.ts';
import { sendOAuthError } from './oauth-error.ts';
import { OPENAPI } from './openapi.ts';
import { rawProblem } from './problem-document.ts';
import { requestLog } from './request-log.ts';
import { auditRoutes } from './routes/audit.ts';
import { changeRoutes } from './routes/changes.ts';
import { consoleRoutes } from './routes/console.ts';
import { enrollRoutes } from './routes/enroll.ts';
import { issuerRoutes } from './routes/issuer.ts';
import { keyRoutes } from './routes/keys.ts';
import { oidcRoutes } from './routes/oidc.ts';
import { operationRoutes } from './routes/operations.ts';
import { pipecdRoutes } from './routes/pipecd.ts';
import { pipedRoutes } from './routes/pipeds.ts';
import { projectRoutes } from './routes/projects.ts';
import { renewRoutes } from './routes/renew.ts';
import { reportRoutes } from './routes/reports.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { signingKeyRoutes } from './routes/signing-keys.ts';
import { snapshotRoutes } from './routes/snapshots.ts';
import { tokenRequestRoutes } from './routes/token-requests.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { traceRoutes } from './routes/traces.ts';
import { toRefusal } from './to-refusal.ts';

export const MAX_BODY_BYTES = 16_384;
const CONNECTION_BOUNDS = { headersTimeout: 10_000, connectionsCheckingInterval: 2000, maxHeaderSize: 16_384 };
const TLS_BOUNDS = { handshakeTimeout: 10_000, minVersion: 'TLSv1.2' } as const;
const MAX_CONNECTIONS = 4096;

/** The HTTP side of a control plane, ready to listen. */
export async function createApp(context: Context, trustedProxies: readonly string[], tls?: ListenerTls): Promise<App> {
  const report = requestLog(context);
  const onError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const refusal = toRefusal(error);
    report.failed(request, refusal);
    return request.routeOptions.config?.refusals === 'oauth'
      ? sendOAuthError(reply, refusal)
      : sendProblem(reply, refusal);
  };
  const app: App = fastify({
    bodyLimit: MAX_BODY_BYTES,
    // The whole request must arrive within this, headers first: one that trickles in is cut off.
    requestTimeout: 15_000,
    handlerTimeout: 30_000,
    keepAliveTimeout: 60_000,
    ...(tls === undefined ? { http: CONNECTION_BOUNDS } : { https: { ...CONNECTION_BOUNDS, ...TLS_BOUNDS, ...tls } }),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    frameworkErrors: onError,
    clientErrorHandler,
  }).withTypeProvider<ZodTypeProvider>() as unknown as App;
  app.server.maxConnections = MAX_CONNECTIONS;

  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.removeContentTypeParser('text/plain');
  app.setErrorHandler((error: FastifyError, request, reply) => onError(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    onError(new Refusal('not_found', 'no such path or method'), request, reply),
  );
  app.addHook('onRequest', async (_, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    if (!context.isClosing()) return;
    reply.header('connection', 'close');
    throw new Refusal('unavailable', 'the control plane is closing', { retryAfterSeconds: 1 });
  });
  app.addHook('onResponse', async (request, reply) => report.answered(request, reply));

  await app.register(swagger, { openapi: OPENAPI, transform: jsonSchemaTransform });
  guardRoutes(app, context);
  for (const routes of [
    operationRoutes,
    projectRoutes,
    pipedRoutes,
    pipecdRoutes,
    keyRoutes,
    enrollRoutes,
    renewRoutes,
    changeRoutes,
    snapshotRoutes,
    tokenRequestRoutes,
    issuerRoutes,
    signingKeyRoutes,
    reportRoutes,
    auditRoutes,
    tokenRoutes,
    sessionRoutes,
    oidcRoutes,
    traceRoutes,
    consoleRoutes,
  ]) {
    routes(app, context);
  }
  await app.ready();
  return app;
}

/** Answers what is not HTTP, or too much of it. */
function clientErrorHandler(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  if (error.code === 'HPE_HEADER_OVERFLOW')
    socket.end(rawProblem('headers_too_large', 'send less than 16 KiB of headers'));
  else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    socket.end(rawProblem('request_timeout', 'send the request faster'));
  else socket.end(rawProblem('malformed_request', 'this is not HTTP/1.1'));
}
