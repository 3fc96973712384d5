import { idSchema } from '@spanpass/credential';

/** A place in a template that stands for an id. */
const PLACEHOLDER = /\{(project|piped)\}/g;

/** SPIFFE ids have at most 2048 bytes (SPIFFE-ID section 2.3); no other name here needs more. */
const MAX_NAME_LENGTH = 2048;

/** What a certificate's name says of its holder. */
export type Identity =
  | { readonly kind: 'piped'; readonly project: string; readonly piped: string }
  /** It begins like the template, but does not fit it. */
  | { readonly kind: 'misfit' }
  | { readonly kind: 'foreign' };

export type IdentityTemplate = (name: string) => Identity;

/**
 * Reads project and piped out of a certificate's name, by a template such as
 * `spiffe://example.org/project/{project}/piped/{piped}` or `{piped}.{project}.pipeds.example.org`. There is one way at
 * most to read a name: the character behind the first id is in neither of the two, so with the second template no id
 * may hold a dot.
 *
 * @throws TypeError unless each placeholder stands in the template once, and something stands between the two
 */
export function identityTemplate(template: string): IdentityTemplate {
  const [before, first, between, second, after, ...more] = template.split(PLACEHOLDER);
  if (before === undefined || between === undefined || after === undefined || more.length > 0 || first === second) {
    throw new TypeError('the template must hold {project} and {piped} once each');
  }
  if (between === '') throw new TypeError('the template must hold something between {project} and {piped}');
  if (/[{}]/.test(before + between + after)) throw new TypeError('the template holds an unknown placeholder');
  if (before === '' && after === '') throw new TypeError('the template must say what all names have in common');
  const id = `(?:(?!${literally(between.slice(0, 1))})[A-Za-z0-9._-]){1,64}`;
  const whole = new RegExp(
    `^${literally(before)}(?<${first}>${id})${literally(between)}(?<${second}>${id})${literally(after)}$`,
  );
  const isOwn = (name: string) => name.startsWith(before) && name.endsWith(after);
  return name => {
    const { project, piped } = (name.length <= MAX_NAME_LENGTH && whole.exec(name)?.groups) || {};
    if (project !== undefined && piped !== undefined && isId(project) && isId(piped)) {
      return { kind: 'piped', project, piped };
    }
    return isOwn(name) ? { kind: 'misfit' } : { kind: 'foreign' };
  };
}

function isId(text: string): boolean {
  return idSchema.safeParse(text).success;
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
