import { REFUSALS, type RefusalCode } from '@spanpass/server';

/** What to do, for the reasons that an operator or a piped's owner can do something about. */
const REMEDIES: Partial<Record<RefusalCode, string>> = {
  credential_missing: 'Give the exporter a credential: `credentials: createClient({ keyFile }).credentialsFor(url)`.',
  credential_multiple:
    'Take `authorization` out of the exporter’s own metadata and out of `OTEL_EXPORTER_OTLP_HEADERS`: the client adds it.',
  typ_mismatch: 'Show a credential made for the gateway, not one for renewal or for a token exchange.',
  key_unknown: 'Enroll the piped again, or look whether it talks to the gateway of another control plane.',
  signature_invalid: 'The key file is not the one that was enrolled, or somebody forges: look at the peer’s address.',
  audience_mismatch: 'The key file’s `audience` and the gateway’s `gatewayAudience` must be the same.',
  lifetime_invalid: 'Sign for 15 minutes at most.',
  issued_in_future: 'Set the piped’s clock: it is more than a minute ahead.',
  expired: 'Set the piped’s clock, or let it sign a new credential: the client does so by itself.',
  key_revoked: 'Final. Enroll the piped anew if it is trusted.',
  key_retired: 'The key was renewed and its overlap has ended: the piped must use the new key file.',
  key_expired: 'The piped has not renewed its key in time: enroll it anew.',
  piped_disabled: '`spanpass piped enable` lets it in again.',
  project_disabled: 'The whole project is disabled.',
  certificate_mismatch: 'The credential is bound to a client certificate; send it over a connection with that one.',
  scope_denied: 'Register the piped with this signal among its scopes.',
  path_unknown: 'Only the paths of OTLP’s services are open.',
  key_source_unavailable: 'The auth server can’t reach the control plane: see its log and `/readyz`.',
  throttled:
    'Too many made-up keys or forged signatures came from this address, or a piped signs anew for each request: let its client reuse a credential.',
  overloaded: 'Add auth servers, or look for a flood.',
};

/** The same for the console, which explains each reason where it shows it. */
export function refusalsAsData(): string {
  const entries = Object.entries(REFUSALS).map(([code, { httpStatus, message }]) => {
    const advice = REMEDIES[code as RefusalCode];
    return [
      code,
      { status: httpStatus, meaning: message.slice(code.length + 2), ...(advice !== undefined && { advice }) },
    ];
  });
  return `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`;
}

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

/** The reference page of all reasons for which a request is refused, made from the table that answers them. */
export function refusalsPage(): string {
  const rows = Object.entries(REFUSALS).map(([code, refusal]) =>
    row([
      `<a id="${code}"></a>\`${code}\``,
      `${refusal.grpcStatus} / ${refusal.httpStatus}`,
      refusal.message.slice(code.length + 2),
      REMEDIES[code as RefusalCode] ?? '',
    ]),
  );
  return [
    '# Reasons for a refusal',
    '',
    'Each refusal has one reason. It stands at the beginning of the message that the caller sees, in the auth server’s log, in its',
    'metrics, and in Envoy’s access log. 16 / 401 means: show a better credential. 7 / 403: known, but not allowed. 14 / 503: it can’t',
    'be told right now, try again; the answer says when.',
    '',
    row(['reason', 'gRPC / HTTP', 'what it means', 'what to do']),
    row(['---', '---', '---', '---']),
    ...rows,
    '',
  ].join('\n');
}
