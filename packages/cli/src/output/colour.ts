import { styleText } from 'node:util';

export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

export const plain: Paint = (_style, text) => text;

const colourful: Paint = (style, text) => styleText(style, text, { validateStream: false });

/** Colours only where a person looks on: a terminal, and no `NO_COLOR` (https://no-color.org). */
export function paintFor(stream: { isTTY?: boolean | undefined }, env: NodeJS.ProcessEnv = process.env): Paint {
  const wanted = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return wanted ? colourful : plain;
}
