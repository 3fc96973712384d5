import type { EncryptionKeys } from '../sealing/encryption-keys.ts';
import type { Store } from '../store/database.ts';
import type { Actor, Write } from '../store/write.ts';
import type { SharedWork, Writer } from '../store/writer.ts';

export interface RegistrySettings {
  readonly keyLifeSeconds: number;
  readonly enrollmentTokenLifeSeconds: number;
  readonly renewalOverlapSeconds: number;
  readonly gatewayAudience: string;
  readonly accessTokenLifeSeconds: number;
  readonly signingKeyLifeSeconds: number;
}

/** What every operation on projects, pipeds and keys needs. */
export interface Registry {
  readonly store: Store;
  readonly writer: Writer;
  readonly settings: RegistrySettings;
  /** What the signing keys are encrypted with. Secret. */
  readonly encryptionKeys: EncryptionKeys;
  /** Clock, in milliseconds. */
  readonly now: () => number;
  /** Called after each commit that made a change. */
  readonly onWritten: () => void;
}

export async function writeTo<T>(registry: Registry, actor: Actor, work: (write: Write) => Promise<T>): Promise<T> {
  const { result, written } = await registry.writer.write(actor, work);
  if (written) registry.onWritten();
  return result;
}

/** As `writeTo`, where `work` does in few statements what many ask for at the same time. */
export async function shareWrite<I, T>(registry: Registry, actor: Actor, input: I, work: SharedWork<I, T>): Promise<T> {
  const { result, written } = await registry.writer.share(actor, input, work);
  if (written) registry.onWritten();
  return result;
}

/** NumericDate seconds. */
export function toSeconds(time: Date | number): number {
  return Math.floor(Number(time) / 1000);
}
