import { idSchema } from '@spanpass/credential';

/** The three parts of PipeCD's own credential. */
export interface StaticKey {
  readonly project: string;
  readonly piped: string;
  /** Secret. */
  readonly key: string;
}

const THREE_PARTS = /^([^,]*),([^,]*),([^,]*)$/;

/**
 * bcrypt looks at 72 bytes and no further, so a longer key would be as good as its beginning. Printable ASCII without
 * the comma: one character is one byte, and none of them is the NUL at which bcrypt stops.
 */
const KEY = /^[!-+\--~]{1,72}$/;

/**
 * Whether the token of a `Bearer` authorization is of PipeCD's kind, `project,piped,key`: it has exactly two commas. No
 * JWT has one. Headers that a proxy joined (`Bearer one,Bearer two`) are refused before this is asked, by the second
 * scheme in them; a space anywhere else is refused when the parts are read.
 */
export function isStaticKey(token: string): boolean {
  return THREE_PARTS.test(token);
}

/** Reads PipeCD's credential; nothing if a part is not well-formed. */
export function parseStaticKey(token: string): StaticKey | undefined {
  const [, project = '', piped = '', key = ''] = THREE_PARTS.exec(token) ?? [];
  const wellFormed = idSchema.safeParse(project).success && idSchema.safeParse(piped).success && KEY.test(key);
  return wellFormed ? { project, piped, key } : undefined;
}
