/** PipeCD lets a piped have two keys, so that one can replace the other. */
export const MAX_PIPECD_KEYS = 2;

/** Each step doubles the time; 14 takes about a second. A hash that asks for more would hold a thread for its sender. */
const BCRYPT_HASH = /^\$2[aby]\$(?:0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}$/;

/** Whether a text is a bcrypt hash as Go writes it (`$2a$10$…`), of a cost from 4 to 14: what PipeCD keeps of its keys. */
export function isBcryptHash(text: string): boolean {
  return BCRYPT_HASH.test(text);
}
