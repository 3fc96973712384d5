import type { App, Context } from '../context.ts';

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'cache-control': 'no-cache',
};

/** The console's static files, where there is a console. */
export function consoleRoutes(app: App, { consoleFiles }: Context): void {
  for (const [path, { type, etag, bytes }] of consoleFiles ?? []) {
    app.get(path, { config: { row: 'GET /<console>' }, schema: { hide: true } }, async (request, reply) => {
      reply.headers({ ...HEADERS, etag }).type(type);
      return request.headers['if-none-match'] === etag ? reply.code(304).send() : reply.send(bytes);
    });
  }
}
