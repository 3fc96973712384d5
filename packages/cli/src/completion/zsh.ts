import { quoted } from './bash.ts';
import type { CompletedOption, Named, Place } from './tree.ts';

/** A completion script for zsh, to be sourced, or kept as `_spanpass` in a folder of `$fpath`. */
export function zshScript(program: string, places: readonly Place[]): string {
  const name = `_${program}`;
  const below = places.filter(({ path }) => path !== '');
  return `#compdef ${program}
# zsh completion for ${program}: source <(${program} completion zsh)
${name}() {
  local cmd= i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    case "$cmd \${words[i]}" in
${below.map(({ path }) => `      ${quoted(` ${path}`)}) cmd=${quoted(` ${path}`)} ;;`).join('\n')}
    esac
  done
  case "$cmd|\${words[CURRENT-1]}" in
${places
  .flatMap(({ path, options }) =>
    options
      .filter(({ value }) => value !== 'none')
      .map(option => `    ${quoted(`${path && ` ${path}`}|${option.name}`)}) ${valueWords(option)}; return ;;`),
  )
  .join('\n')}
  esac
  case "$cmd" in
${places
  .map(({ path, commands, options }) => {
    const entries = [...commands, ...options].map(described).join(' ');
    return `    ${quoted(path && ` ${path}`)}) found=(${entries}) ;;`;
  })
  .join('\n')}
  esac
  _describe ${quoted(program)} found
}
if [ "$funcstack[1]" = ${quoted(name)} ]; then ${name} "$@"; else compdef ${name} ${program}; fi
`;
}

function valueWords({ value }: CompletedOption): string {
  if (value === 'path') return '_files';
  return typeof value === 'string' ? ':' : `compadd -- ${value.map(quoted).join(' ')}`;
}

/** `_describe` takes `name:description`, and a backslash before each colon of the name. */
function described({ name, description }: Named): string {
  return quoted(`${name.replaceAll(':', '\\:')}:${description}`);
}
