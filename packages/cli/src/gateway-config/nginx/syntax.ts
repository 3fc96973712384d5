/** A directive that ends with a semicolon, or a block. Texts are lines as they are; nested lists are bodies of blocks. */
export type Directives = readonly (string | Block)[];

export interface Block {
  readonly opening: string;
  readonly body: Directives;
}

export function block(opening: string, ...body: Directives): Block {
  return { opening, body };
}

/** A value in quotes. What comes from options was validated to hold nothing that ends them. */
export function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Lines that begin with `#` are comments. */
export function render(directives: Directives, indent = ''): string {
  return directives
    .map(one => {
      if (typeof one !== 'string') return `${indent}${one.opening} {\n${render(one.body, `${indent}    `)}${indent}}\n`;
      return one === '' || one.startsWith('#') ? `${one && indent}${one}\n` : `${indent}${one};\n`;
    })
    .join('');
}
