export interface Target {
  readonly project: string;
  readonly piped: string;
  readonly token: string;
  readonly controlPlane: string;
}

export interface Command {
  readonly name: string;
  readonly hint: string;
  readonly text: (target: Target) => string;
}

/** How a new piped takes up its token. Ids and URLs hold nothing that a shell or a string gives a meaning to. */
export const COMMANDS: readonly Command[] = [
  {
    name: 'Shell',
    hint: 'On the piped’s machine. The key pair is made there, and its private half stays there.',
    text: ({ piped, token, controlPlane }) =>
      [
        `npx spanpass enroll --control-plane ${controlPlane} \\`,
        `  --token ${token} \\`,
        `  --key-file ${piped}.json`,
      ].join('\n'),
  },
  {
    name: 'TypeScript',
    hint: 'In the piped itself: once, and then the one option of its OTLP exporter.',
    text: ({ piped, token, controlPlane }) =>
      [
        "import { createClient, enroll } from '@spanpass/client';",
        '',
        `const keyFile = '${piped}.json';`,
        'await enroll({',
        `  controlPlane: '${controlPlane}',`,
        `  enrollmentToken: '${token}',`,
        '  keyFile,',
        '});',
        '',
        "const url = 'https://gateway.example.com:4317';",
        'const pass = createClient({ keyFile });',
        'const exporter = new OTLPTraceExporter({ url, credentials: pass.credentialsFor(url) });',
      ].join('\n'),
  },
  {
    name: 'Any language',
    hint: 'A sidecar beside a piped in any language, which sends its OTLP to 127.0.0.1:4319 without a credential.',
    text: ({ piped, token, controlPlane }) =>
      [
        `npx spanpass enroll --control-plane ${controlPlane} \\`,
        `  --token ${token} \\`,
        `  --key-file ${piped}.json`,
        `npx spanpass forward --key-file ${piped}.json \\`,
        '  --endpoint https://gateway.example.com:4317',
      ].join('\n'),
  },
];
