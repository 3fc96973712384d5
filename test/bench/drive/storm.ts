/** Signs a credential with each key of a file, then shows all of them, so many at a time. Prints a DriveResult. */
import { readFile } from 'node:fs/promises';
import { importSigningKey, type KeyFile, signCredential } from '@spanpass/credential';
import { answerAll } from './answer-all.ts';

const [, , port, keysFile = '', inFlight] = process.argv;
const keyFiles = JSON.parse(await readFile(keysFile, 'utf8')) as KeyFile[];
const authorizations: string[] = [];
for (const keyFile of keyFiles) {
  const key = await importSigningKey(keyFile);
  authorizations.push(`Bearer ${await signCredential(key, { purpose: 'gateway', audience: 'spanpass-gateway' })}`);
}
const streams = Math.ceil(Number(inFlight) / 2);
const result = await answerAll({ port: Number(port), authorizations, connections: 2, streams });
process.stdout.write(JSON.stringify(result));
