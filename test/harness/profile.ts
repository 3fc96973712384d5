/** `SPANPASS_PROFILE=nightly` runs suites at their full length; otherwise they take a tenth or so of it. */
export const nightly = process.env.SPANPASS_PROFILE === 'nightly';

/** How often a suite does what it does, by profile. */
export function times(counts: { readonly nightly: number; readonly otherwise: number }): number {
  return nightly ? counts.nightly : counts.otherwise;
}

/** The first seed of a suite's randomness; `SPANPASS_SEED` repeats a run that printed it. */
export function seedOr(usual: number): number {
  return Number(process.env.SPANPASS_SEED ?? usual);
}
