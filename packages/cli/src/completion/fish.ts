import type { CompletedOption, Place } from './tree.ts';

/** A completion script for fish. */
export function fishScript(program: string, places: readonly Place[]): string {
  const at = `__${program}_at`;
  const known = places.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `# fish completion for ${program}: ${program} completion fish | source
function ${at}
  set -l cmd ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$cmd $word")
    contains -- "$next" ${known.join(' ')}; and set cmd $next
  end
  test "$cmd" = "$argv[1]"
end
complete -c ${program} -f
${places
  .flatMap(({ path, commands, options }) => {
    const head = `complete -c ${program} -n ${quoted(`${at} ${quoted(path)}`)}`;
    return [
      ...commands.map(({ name, description }) => `${head} -a ${quoted(name)} -d ${quoted(description)}`),
      ...options.map(
        option =>
          `${head} -l ${quoted(option.name.replace(/^-+/, ''))} -d ${quoted(option.description)}${valueWords(option)}`,
      ),
    ];
  })
  .join('\n')}
`;
}

function valueWords({ value }: CompletedOption): string {
  if (value === 'none') return '';
  if (value === 'path') return ' -rF';
  return value === 'any' ? ' -x' : ` -xa ${quoted(value.join(' '))}`;
}

/** fish escapes within single quotes by a backslash. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
