import { createHash } from 'node:crypto';

/** Who signed in at the identity provider, as the audit names him. */
export interface Person {
  readonly issuer: string;
  /** The issuer's own name for him, which it gives to nobody else. */
  readonly subject: string;
  /** That the issuer has verified. */
  readonly email?: string | undefined;
}

/** An id to count his calls by, which tells nothing of him. */
export function personId({ issuer, subject }: Person): string {
  const hash = createHash('sha256').update(`${issuer}\n${subject}`).digest('base64url');
  return `person-${hash.slice(0, 22)}`;
}
