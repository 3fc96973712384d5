/** Signs so many credentials, all different, with one piped's key, then shows each of them once. Prints a DriveResult. */
import { readFile } from 'node:fs/promises';
import { importSigningKey, parseKeyFile, signCredential } from '@spanpass/credential';
import { answerAll } from './answer-all.ts';

const [, , port, keyFilePath = '', checks, streams] = process.argv;
const keyFile = await parseKeyFile(JSON.parse(await readFile(keyFilePath, 'utf8')));
const key = await importSigningKey(keyFile);
const authorizations: string[] = [];
for (let at = 0; at < Number(checks); at++) {
  authorizations.push(`Bearer ${await signCredential(key, { purpose: 'gateway', audience: keyFile.audience })}`);
}
const result = await answerAll({ port: Number(port), authorizations, connections: 2, streams: Number(streams) });
process.stdout.write(JSON.stringify(result));
