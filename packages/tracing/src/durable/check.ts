/** The longest delay that `setTimeout` keeps to. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** @throws TypeError unless `value` is a whole number in the range: units belong into `name`. */
export function wholeNumber(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new TypeError(`${name} must be a whole number from ${min} to ${max}`);
  }
  return value;
}

/** @throws TypeError unless `value` is a text that is not empty. */
export function someText(name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new TypeError(`${name} must be a text that is not empty`);
  return value;
}
