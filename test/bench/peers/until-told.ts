/** Ends as a server does that is asked to, so that a profile of it is written. */
export function endWhenTold(): void {
  process.once('SIGTERM', () => process.exit(0));
}

export function sayPort(port: number): void {
  process.stdout.write(`listening on ${port}\n`);
}
