import type { Place } from './tree.ts';

/** A completion script for bash 4 or newer. */
export function bashScript(program: string, places: readonly Place[]): string {
  const name = `_${program}`;
  return `# bash completion for ${program}: source <(${program} completion bash)
${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path= words= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
${lines(
  places.filter(({ path }) => path !== ''),
  ({ path }) => `      ${quoted(` ${path}`)}) path=${quoted(` ${path}`)} ;;`,
)}
    esac
  done
  case "$path|$prev" in
${lines(places, ({ path, options }) =>
  options
    .filter(({ value }) => value !== 'none')
    .map(({ name, value }) => `    ${quoted(`${path && ` ${path}`}|${name}`)}) ${valueWords(value)}; return ;;`)
    .join('\n'),
)}
  esac
  case "$path" in
${lines(places, ({ path, commands, options }) => {
  const words = [...commands, ...options].map(({ name }) => name).join(' ');
  return `    ${quoted(path && ` ${path}`)}) words=${quoted(words)} ;;`;
})}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F ${name} ${program}
`;
}

function valueWords(value: 'path' | 'any' | 'none' | readonly string[]): string {
  if (value === 'path') return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))';
  if (typeof value === 'string') return 'COMPREPLY=()';
  return `COMPREPLY=($(compgen -W ${quoted(value.join(' '))} -- "$cur"))`;
}

function lines<T>(items: readonly T[], line: (item: T) => string): string {
  return items.map(line).filter(Boolean).join('\n');
}

/** For bash and zsh alike. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
