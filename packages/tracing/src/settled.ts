/**
 * Waits for telemetry to get out, but not for ever, and says what went wrong as one error whatever the SDK rejects with.
 *
 * @throws AggregateError `errors` holds the causes; its message starts with `what`.
 */
export async function settledWithin(timeoutMs: number, what: string, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([work(), late]);
  } catch (reason) {
    const errors: unknown[] = Array.isArray(reason) ? reason : [reason];
    throw new AggregateError(errors, `${what}: ${errors.map(said).join('; ')}`);
  } finally {
    clearTimeout(timer);
  }
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
