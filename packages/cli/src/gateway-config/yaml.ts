import { stringify } from 'yaml';

export type Yaml = string | number | boolean | null | readonly Yaml[] | { readonly [key: string]: Yaml };

/** A document under a comment. Without aliases: what is the same in two places is written out, so that it can be edited. */
export function toYaml(comment: readonly string[], document: Yaml): string {
  const heading = comment.map(line => `# ${line}\n`).join('');
  return heading + stringify(document, { aliasDuplicateObjects: false, lineWidth: 0 });
}
