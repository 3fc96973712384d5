import { createHash } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate as TlsCertificate } from 'node:tls';
import type { PeerCertificate } from './contract.ts';

/** What counts of a client certificate that node:tls verified: its SPIFFE URI, else its first name, and its thumbprint. */
export function certificateOf(tls: TlsCertificate | DetailedPeerCertificate | undefined): PeerCertificate | undefined {
  if (tls?.raw === undefined) return undefined;
  const names = (tls.subjectaltname ?? '').split(', ').map(name => name.slice(name.indexOf(':') + 1));
  const principal = names.find(name => name.startsWith('spiffe://')) ?? names[0] ?? '';
  return { principal, thumbprint: createHash('sha256').update(tls.raw).digest('base64url') };
}
