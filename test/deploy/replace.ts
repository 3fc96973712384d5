/** The text with each of the first put by its second, in this order. */
export function replaceAll(text: string, pairs: readonly (readonly [string | RegExp, string])[]): string {
  return pairs.reduce((done, [from, to]) => done.replaceAll(from, to), text);
}
