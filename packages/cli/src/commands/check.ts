import { text } from 'node:stream/consumers';
import { DEFAULT_GATEWAY_AUDIENCE, MAX_CREDENTIAL_LENGTH } from '@spanpass/credential';
import type { Principal } from '@spanpass/server';
import { Command } from 'commander';
import type { WouldBeRefused } from '../admin/ask-server.ts';
import { connectAdmin } from '../admin/connect.ts';
import { Failure, wrongUsage } from '../failure.ts';
import { type Io, printResult } from '../io.ts';
import { time } from '../output/time.ts';
import { type AdminOptions, examples, withAdmin } from './options.ts';

interface CheckFlags extends AdminOptions {
  readonly path: string;
  readonly audience: string;
}

/** `spanpass check`: what a server would answer to a credential now. Exit code 0: it would be allowed; 1: it would not. */
export function checkCommand(io: Io): Command {
  return withAdmin(new Command('check'))
    .description('say what the auth server would answer to a credential, and exactly why')
    .argument('[token]', "the credential, with or without 'Bearer'; '-' or nothing reads standard input")
    .option('--path <path>', 'what is asked for: an OTLP/HTTP path, or a gRPC method', '/v1/traces')
    .option('--audience <id>', "the gateway's id", DEFAULT_GATEWAY_AUDIENCE)
    .addHelpText('after', examples('spanpass token --key-file key.json | spanpass check'))
    .action(async (token: string | undefined, flags: CheckFlags) => {
      const credential = await credentialFrom(io, token);
      const { askServer } = await import('../admin/ask-server.ts');
      const answer = await askServer(await connectAdmin(io, flags), { ...flags, credential });
      if (answer.kind === 'refused') {
        await printRefusal(io, flags, answer);
        throw new Failure('that credential would be refused');
      }
      await printPrincipal(io, flags, answer.principal);
    });
}

async function printRefusal(io: Io, { json }: CheckFlags, { error, grpcName }: WouldBeRefused): Promise<void> {
  const { grpcStatus, httpStatus, message, docs } = error.refusal;
  await printResult(
    io,
    json,
    { allowed: false, code: error.code, message, grpcStatus, httpStatus, docs },
    () => `Refused with ${grpcName} (${grpcStatus}), over HTTP ${httpStatus}:\n${message}\n`,
  );
}

async function printPrincipal(io: Io, { json }: CheckFlags, principal: Principal): Promise<void> {
  const { project, piped, credentialId, scopes, expiresAt } = principal;
  await printResult(
    io,
    json,
    { allowed: true, ...principal },
    () =>
      `Allowed, as ${piped} of ${project}, until ${time(expiresAt)}.\n` +
      `Key ${credentialId}, which may send ${scopes.join(', ')}.\n`,
  );
}

async function credentialFrom({ stdin }: Io, token = '-'): Promise<string> {
  const found = (token === '-' ? await text(stdin) : token).trim().replace(/^bearer +/i, '');
  if (found === '') throw wrongUsage('there is no credential: give it as an argument, or on standard input');
  if (found.length > MAX_CREDENTIAL_LENGTH * 4) throw wrongUsage('that is far too long to be a credential');
  return found;
}
