/**
 * A whole number of at least `min` from a caller's options.
 *
 * @throws TypeError naming the option
 */
export function wholeNumber(name: string, value: number, min = 1): number {
  if (!Number.isSafeInteger(value) || value < min) throw new TypeError(`${name} must be a whole number from ${min}`);
  return value;
}
