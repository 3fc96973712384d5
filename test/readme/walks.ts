/** A page whose blocks of shell and TypeScript are run from its top to its end, as its reader would. */
export interface Walk {
  readonly page: string;
  /** What the page supposes to be there, as the reader would have made it. */
  readonly before?: string;
  /** What the reader sees on the way. */
  readonly sees?: readonly (string | RegExp)[];
}

/** A piped with its key where most pages suppose it. */
const enrolled = (piped: string, keyFile = '/etc/piped/key.json') => `
spanpass piped register --project shop --piped ${piped} --json > ${piped}.token.json
spanpass enroll --token "$(node -p 'require("./${piped}.token.json").enrollmentToken')" --key-file ${keyFile}`;

export const walks: readonly Walk[] = [
  {
    page: 'README.md',
    sees: ['edge-1 of shop is enrolled with key ', /^shop +edge-1 +active/m, 'Allowed, as edge-1 of shop'],
  },
  { page: 'docs/direct-or-exchanged.md', before: enrolled('exchanging') },
  { page: 'docs/losing-nothing.md', before: enrolled('edge-2') },
  { page: 'docs/operations/audit.md', sees: [/\d+ rows/] },
  { page: 'docs/operations/backup.md' },
  { page: 'docs/operations/changing-a-running-server.md' },
  {
    page: 'docs/operations/moving-from-pipecd.md',
    sees: ['3f0c1a52-9b1d-4c55-8f5e-6d2f1f3b7a10', 'silent'],
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
