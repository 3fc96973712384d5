/** A page whose blocks of shell and TypeScript are run from its top to its end, as its reader would. */
export interface Walk {
  readonly page: string;
  /** A piped of the project `shop` whose key the page supposes in `/etc/piped/key.json`. */
  readonly piped?: string;
  /** What else it supposes, as the reader would have made it. */
  readonly before?: string;
  /** What the reader sees on the way. */
  readonly sees?: readonly (string | RegExp)[];
}

export const walks: readonly Walk[] = [
  {
    page: 'README.md',
    sees: ['edge-1 of shop is enrolled with key ', /^shop +edge-1 +active/m, 'Allowed, as edge-1 of shop'],
  },
  {
    page: 'docs/start.md',
    sees: [
      'first of shop is enrolled with key ',
      /Deploy|5b8efff798038103d269b633813fc60c/,
      'No deployments.',
      'credential_missing: ',
      'signature_invalid: ',
      'key_revoked: ',
    ],
  },
  {
    page: 'docs/guides/piped-author.md',
    before: `
      spanpass piped register --project shop --piped author-1 --json > token.json
      node -p '"ENROLLMENT_TOKEN=" + require("./token.json").enrollmentToken' > reader.env`,
    sees: ['author-1 of shop is enrolled with key ', 'Allowed, as author-1 of shop'],
  },
  {
    page: 'docs/guides/gateway-operator.md',
    piped: 'gateway-1',
    sees: ['Allowed, as gateway-1 of shop'],
  },
  {
    page: 'docs/guides/key-administrator.md',
    sees: [/alice +project-admin/, 'admin-1 of shop is enrolled with key ', 'key.enrolled'],
  },
  { page: 'docs/direct-or-exchanged.md', piped: 'exchanging' },
  { page: 'docs/losing-nothing.md', piped: 'edge-2' },
  { page: 'docs/operations/audit.md', sees: [/\d+ rows/] },
  { page: 'docs/operations/backup.md' },
  { page: 'docs/operations/changing-a-running-server.md' },
  {
    page: 'docs/operations/moving-from-pipecd.md',
    sees: ['3f0c1a52-9b1d-4c55-8f5e-6d2f1f3b7a10', 'silent'],
  },
  { page: 'docs/operations/rotation.md', piped: 'rotated', sees: [/gateway-west +auth-server/] },
  {
    page: 'docs/operations/runbook-stolen-key.md',
    piped: 'robbed',
    sees: ['key_revoked: ', /^spanpass_control_plane_followers [1-9]$/m, 'Allowed, as robbed of shop'],
  },
  {
    page: 'docs/operations/runbook-control-plane-lost.md',
    sees: ['spanpass_key_feed_lag_seconds'],
  },
  {
    page: 'docs/operations/runbook-clock-wrong.md',
    piped: 'clock',
    sees: [/^date: .* GMT/im, 'spanpass_check_decisions_total', 'Allowed, as clock of shop'],
  },
  {
    page: 'docs/operations/runbook-spans-missing.md',
    piped: 'missing',
    before: 'mkdir -p /var/lib/piped/forward/x',
    sees: ['Allowed, as missing of shop', 'spanpass_check_decisions_total{'],
  },
  { page: 'docs/reference/authenticators.md', before: 'mysql > /etc/spanpass/pipeds.json' },
  { page: 'docs/reference/checks-over-http.md' },
];

/** Pages that another test runs, block by block. */
export const walkedElsewhere: Readonly<Record<string, string>> = {
  'docs/operations/life-of-a-key.md': 'test/readme/life-of-a-key.test.ts',
  // Its blocks are the bench's own: each row of it is run, the page is made of a run.
  'docs/performance.md': 'test/bench/bench.test.ts',
  'packages/cli/README.md': 'packages/cli/src/readme.test.ts',
  'packages/client/README.md': 'packages/client/src/readme.test.ts',
  'packages/control-plane/README.md': 'packages/control-plane/src/readme.test.ts',
  'packages/credential/README.md': 'packages/credential/src/readme.test.ts',
  'packages/server/README.md': 'packages/server/src/readme.test.ts',
  'packages/tracing/README.md': 'packages/tracing/src/readme.test.ts',
};
