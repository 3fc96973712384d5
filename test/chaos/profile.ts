/** How long and how hard. */
export interface Profile {
  readonly name: 'ci' | 'long';
  /** The same seed makes the same faults in the same order. */
  readonly seed: number;
  /** Of all durable pipeds together. */
  readonly deploymentsPerSecond: number;
  readonly outageMs: number;
  readonly freezeMs: number;
  /** Between two faults. */
  readonly quietMs: number;
  readonly pairs: number;
}

/** `SPANPASS_CHAOS=long` for the long one, `SPANPASS_CHAOS_SEED` for other faults. */
export function profileOf(env: NodeJS.ProcessEnv): Profile {
  const seed = Number(env.SPANPASS_CHAOS_SEED || 1);
  if (env.SPANPASS_CHAOS === 'long') {
    return {
      name: 'long',
      seed,
      deploymentsPerSecond: 20,
      outageMs: 3_000,
      freezeMs: 5_000,
      quietMs: 1_000,
      pairs: 12,
    };
  }
  return { name: 'ci', seed, deploymentsPerSecond: 6, outageMs: 1_000, freezeMs: 1_500, quietMs: 300, pairs: 3 };
}
