import { readKeyFile } from '@spanpass/client';
import { importSigningKey, PURPOSES, signCredential } from '@spanpass/credential';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Io, printResult } from '../io.ts';
import { examples, type JsonOption, withJson } from './options.ts';

interface TokenFlags extends JsonOption {
  readonly keyFile: string;
  readonly audience?: string;
  readonly lifetime: number;
}

const { defaultLifeSeconds, maxLifeSeconds } = PURPOSES.gateway;

/** `spanpass token`: one credential, for `curl` and `grpcurl`. */
export function tokenCommand(io: Io): Command {
  return withJson(new Command('token'))
    .description('print one credential for the gateway, and nothing else')
    .requiredOption('--key-file <file>', "the piped's key file")
    .option('--audience <id>', "the gateway's id; the key file's unless given")
    .addOption(
      new Option('--lifetime <seconds>', `1 to ${maxLifeSeconds}`).default(defaultLifeSeconds).argParser(lifetimeOf),
    )
    .addHelpText(
      'after',
      examples(
        'curl -H "authorization: Bearer $(spanpass token --key-file key.json)" \\',
        '    -H content-type:application/json -d @trace.json http://127.0.0.1:4318/v1/traces',
      ),
    )
    .action(async ({ keyFile, audience, lifetime, json }: TokenFlags) => {
      const file = await readKeyFile(keyFile);
      const nowMs = Date.now();
      const token = await signCredential(await importSigningKey(file), {
        purpose: 'gateway',
        audience: audience ?? file.audience,
        lifetimeSeconds: lifetime,
        now: () => nowMs,
      });
      const expiresAt = Math.floor(nowMs / 1000) + lifetime;
      await printResult(io, json, { token, expiresAt }, () => `${token}\n`);
    });
}

function lifetimeOf(text: string): number {
  const seconds = Number(text);
  if (!/^\d{1,4}$/.test(text) || seconds < 1 || seconds > maxLifeSeconds) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${maxLifeSeconds}.`);
  }
  return seconds;
}
