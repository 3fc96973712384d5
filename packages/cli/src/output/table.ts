/**
 * Rows as aligned columns for people: a heading, two spaces between columns, no trailing blanks. Control characters in
 * cells (a name from elsewhere could hold escape codes) become `?`.
 */
export function table(heading: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [heading, ...rows].map(row => row.map(cell => printable(String(cell))));
  const widths = heading.map((_, column) => Math.max(...lines.map(line => displayWidth(line[column] ?? ''))));
  return lines
    .map(line =>
      line
        .map((cell, column) => pad(cell, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map(line => `${line}\n`)
    .join('');
}

/** Without anything that could steer a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

/** Cuts `text` to `width` characters, its last one `…` if something was cut. */
export function clip(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

function displayWidth(text: string): number {
  return [...text].length;
}
