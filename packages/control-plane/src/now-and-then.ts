/**
 * Does something every now and then, never twice at the same time.
 *
 * @returns a function that ends it, and resolves when what is under way has ended
 */
export function nowAndThen(
  everyMs: number,
  work: () => Promise<unknown>,
  failed: (error: unknown) => void,
): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve();
  let idle = true;
  const timer = setInterval(() => {
    if (!idle) return;
    idle = false;
    running = work()
      .catch(failed)
      .finally(() => {
        idle = true;
      });
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await running;
  };
}
