import type { Readable } from 'node:stream';
import { Failure } from '../failure.ts';

/**
 * The lines of a stream, without blank ones.
 *
 * @throws Failure if one is longer than so many characters
 */
export async function* readLines(stream: Readable, name: string, maxLength: number): AsyncGenerator<string, void> {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.length > maxLength) throw tooLong(name);
      if (line.trim() !== '') yield line;
    }
    if (rest.length > maxLength) throw tooLong(name);
  }
  if (rest.trim() !== '') yield rest;
}

function tooLong(name: string): Failure {
  return new Failure(`${name}: a line is too long for what it should be`);
}
