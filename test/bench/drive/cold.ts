/** Signs so many credentials, all different, with the keys in turn, then shows each of them once. Prints a DriveResult. */
import { readFile } from 'node:fs/promises';
import { importSigningKey, parseKeyFile, signCredential } from '@spanpass/credential';
import { answerAll } from './answer-all.ts';

const [, , port, checks, streams, ...keyFilePaths] = process.argv;
const keyFiles = await Promise.all(
  keyFilePaths.map(async path => parseKeyFile(JSON.parse(await readFile(path, 'utf8')))),
);
const keys = await Promise.all(keyFiles.map(importSigningKey));
const authorizations: string[] = [];
for (let at = 0; at < Number(checks); at++) {
  const key = keys[at % keys.length];
  if (key === undefined) throw new Error('no key file');
  authorizations.push(`Bearer ${await signCredential(key, { purpose: 'gateway', audience: 'spanpass-gateway' })}`);
}
const result = await answerAll({ port: Number(port), authorizations, connections: 2, streams: Number(streams) });
process.stdout.write(JSON.stringify(result));
