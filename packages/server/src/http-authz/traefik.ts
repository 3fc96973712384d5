import { refusalToHttp } from '../http.ts';
import { type Dialect, oncePerPrincipal, originalRequest, ownerHeaders, soleHeader } from './dialect.ts';

/**
 * Traefik's `ForwardAuth`: it writes `X-Forwarded-Method` and `X-Forwarded-Uri` itself, unless `trustForwardHeader` lets
 * clients write them. A refusal goes to the client as it is, so it is the answer that OTLP asks for.
 */
export const traefik: Dialect = {
  asksAt: 'path',
  original: request =>
    originalRequest(soleHeader(request, 'x-forwarded-method'), soleHeader(request, 'x-forwarded-uri')),
  allow: oncePerPrincipal(ownerHeaders),
  refuse(refused, contentType) {
    const { headers, body } = refusalToHttp(refused, contentType);
    return { headers: { ...headers, 'x-spanpass-reason': refused.code }, body };
  },
};
