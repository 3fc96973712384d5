import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { status } from '@grpc/grpc-js';
import { MAX_CREDENTIAL_LENGTH } from '@spanpass/credential';
import type { AuthenticationError, PeerCertificate, Principal } from '@spanpass/server';
import { Command } from 'commander';
import { connectAdmin } from '../admin/connect.ts';
import type { Question } from '../check/ask-server.ts';
import type { Step } from '../check/walk.ts';
import { loadSettings } from '../config/settings.ts';
import { Failure, oneLine, wrongUsage } from '../failure.ts';
import { type Io, printResult } from '../io.ts';
import { type Paint, paintFor } from '../output/colour.ts';
import { pad } from '../output/table.ts';
import { time } from '../output/time.ts';
import { type AuthServerSettings, authServerSettings } from '../settings/auth-server.ts';
import { type AdminOptions, examples, withAdmin } from './options.ts';

interface CheckFlags extends AdminOptions {
  readonly path: string;
  readonly method: string;
  readonly audience?: string;
  readonly certificate?: string;
  readonly config?: string;
}

/** `spanpass check`: what a server would answer to a credential now. Exit code 0: it would be allowed; 1: it would not. */
export function checkCommand(io: Io): Command {
  return withAdmin(new Command('check'))
    .description('walk a credential through every step of the auth server, and say what it would answer and why')
    .argument('[token]', "the credential, with or without 'Bearer'; '-' or nothing reads standard input")
    .option('--path <path>', 'what is asked for: an OTLP/HTTP path, or a gRPC method', '/v1/traces')
    .option('--method <method>', 'the HTTP method', 'POST')
    .option('--audience <id>', "the gateway's id (default: as the server's settings say)")
    .option('--certificate <file>', 'the client certificate that it is shown with, PEM')
    .option('--config <file>', "the auth server's settings: its authenticators and audience")
    .addHelpText('after', examples('spanpass token --key-file key.json | spanpass check --path /v1/logs'))
    .action(async (token: string | undefined, flags: CheckFlags) => {
      const certificate = await certificateFrom(flags.certificate);
      const authorization = await authorizationFrom(io, token, certificate !== undefined);
      const settings = await loadSettings(authServerSettings, { file: flags.config, env: io.env });
      const answer = await answerTo(io, flags, settings, { authorization, certificate });
      const { verdict, steps } = answer;
      if ('code' in verdict) {
        await printRefusal(io, flags, verdict, steps, settings.docsUrl);
        throw new Failure('that credential would be refused');
      }
      await printPrincipal(io, flags, verdict, steps);
    });
}

async function answerTo(
  io: Io,
  flags: CheckFlags,
  settings: AuthServerSettings,
  shown: Pick<Question, 'authorization' | 'certificate'>,
) {
  const { path, method, audience = settings.gatewayAudience, controlPlane = settings.controlPlane } = flags;
  const { askServer } = await import('../check/ask-server.ts');
  const { walk } = await import('../check/walk.ts');
  const { openRules } = await import('../auth-server/open-rules.ts');
  const { authenticators: chain } = settings;
  await using rules = await openRules({ authenticators: chain, shadow: undefined }, () => {}).catch(asWrongUsage);
  const { authenticators } = rules;
  const connect = () => connectAdmin(io, { ...flags, controlPlane });
  const asked = await askServer(connect, { ...shown, path, method, audience, authenticators });
  return { verdict: asked.verdict, steps: walk(asked) };
}

async function printRefusal(
  io: Io,
  { json }: CheckFlags,
  { code, refusal }: AuthenticationError,
  steps: readonly Step[],
  docsUrl: string | undefined,
): Promise<void> {
  const { linkTo, DEFAULT_DOCS_URL } = await import('@spanpass/server');
  const { grpcStatus, httpStatus, message, docs: page } = refusal;
  const docs = linkTo(page, docsUrl ?? DEFAULT_DOCS_URL);
  await printResult(
    io,
    json,
    { allowed: false, code, message, grpcStatus, httpStatus, docs, steps },
    () =>
      `${shownSteps(io, steps)}\nRefused with ${status[grpcStatus]} (${grpcStatus}), over HTTP ${httpStatus}:\n` +
      `${message}\nSee ${docs}.\n`,
  );
}

async function printPrincipal(
  io: Io,
  { json }: CheckFlags,
  principal: Principal,
  steps: readonly Step[],
): Promise<void> {
  const { project, piped, credentialId, scopes, expiresAt } = principal;
  const until = Number.isSafeInteger(expiresAt) && expiresAt < 1e11 ? `, until ${time(expiresAt)}` : '';
  await printResult(
    io,
    json,
    { allowed: true, ...principal, steps },
    () =>
      `${shownSteps(io, steps)}\nAllowed, as ${piped} of ${project}${until}.\n` +
      `Key ${credentialId}, which may send ${scopes.join(', ')}.\n`,
  );
}

const MARKS = { pass: ['ok', 'green'], fail: ['FAIL', 'red'], skipped: ['-', 'dim'] } as const;

function shownSteps(io: Io, steps: readonly Step[]): string {
  const paint: Paint = paintFor(io.stdout, io.env);
  return steps
    .map(({ step, what, state, detail }) => {
      const [mark, style] = MARKS[state];
      const line = `${pad(step, 14)} ${what}${detail === undefined ? '' : ` (${detail})`}`;
      return `${paint(style, pad(mark, 5))} ${state === 'skipped' ? paint('dim', line) : line}\n`;
    })
    .join('');
}

/** A bare credential is a bearer's; another scheme stays what it is. */
async function authorizationFrom({ stdin }: Io, token = '-', mayBeAbsent: boolean): Promise<string> {
  const isAsked = token === '-' && mayBeAbsent && (stdin as { isTTY?: boolean }).isTTY === true;
  const given = token === '-' && !isAsked ? await text(stdin) : token;
  const found = (isAsked ? '' : given).trim();
  if (found === '' && !mayBeAbsent) {
    throw wrongUsage('there is no credential: give it as an argument, or on standard input');
  }
  if (found.length > MAX_CREDENTIAL_LENGTH * 4) throw wrongUsage('that is far too long to be a credential');
  return found === '' || /^[A-Za-z][\w-]* +\S/.test(found) ? found : `Bearer ${found}`;
}

async function certificateFrom(file: string | undefined): Promise<PeerCertificate | undefined> {
  if (file === undefined) return undefined;
  const { peerCertificate } = await import('@spanpass/server');
  const pem = await readFile(file, 'utf8').catch(error => {
    throw wrongUsage(`--certificate: can't read it: ${oneLine(error)}`);
  });
  const certificate = peerCertificate(pem);
  if (certificate === undefined) throw wrongUsage(`--certificate: ${file} is not one certificate in PEM`);
  return certificate;
}

function asWrongUsage(error: unknown): never {
  if (error instanceof TypeError) throw wrongUsage(error.message);
  throw error;
}
