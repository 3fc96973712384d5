import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  type AuditHead,
  AuditHeadError,
  parseSnapshotKeys,
  type SnapshotKeys,
  verifyAuditHead,
} from '@spanpass/credential';
import { Failure, oneLine } from '../failure.ts';
import { readLines } from './read-lines.ts';

const MAX_HEADS = 10_000;
const MAX_HEAD_LENGTH = 1024;

/**
 * The signed heads in a file, one per line, as an auth server keeps them.
 *
 * @throws Failure if there is none, or one that no pinned key signed
 */
export async function readHeads(file: string, keyFile: string): Promise<AuditHead[]> {
  const keys = await pinnedKeys(keyFile);
  const heads: AuditHead[] = [];
  try {
    for await (const line of readLines(createReadStream(file), file, MAX_HEAD_LENGTH)) {
      if (heads.length >= MAX_HEADS) throw new Failure(`${file}: holds more than ${MAX_HEADS} heads`);
      heads.push(await verifyAuditHead(line.trim(), keys));
    }
  } catch (error) {
    if (error instanceof AuditHeadError) {
      throw new Failure(`${file}: head ${heads.length + 1}: ${error.message} (${error.code})`, { cause: error });
    }
    throw error instanceof Failure ? error : new Failure(`can't read ${file}: ${oneLine(error)}`);
  }
  if (heads.length === 0) throw new Failure(`${file}: holds no head`);
  return heads;
}

async function pinnedKeys(file: string): Promise<SnapshotKeys> {
  try {
    return await parseSnapshotKeys(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new Failure(`${file}: is no JWK Set of audit keys, as 'spanpass audit key' prints it: ${oneLine(error)}`);
  }
}
