import { medianOf, type Results } from './results.ts';
import { round } from './table.ts';

/** What the client costs an application, and of what it consists; undefined for a run that did not look. */
export function clientFindings(results: Results): string | undefined {
  const found = (id: string, figure: string) => medianOf(results, id, figure);
  const attach = found('client/credential', 'attachMicros');
  const [fixed, signed] = [found('client/static', 'cpuMicros'), found('client/credential', 'cpuMicros')];
  const importMs = (name: string) => found(`imports/${name}`, 'importMs');
  const [credential, client, zod, jose, grpcJs] = [
    importMs('@spanpass/credential'),
    importMs('@spanpass/client'),
    importMs('zod'),
    importMs('jose'),
    importMs('@grpc/grpc-js'),
  ];
  if (attach === undefined || fixed === undefined || signed === undefined) return undefined;
  if (!credential || !client || !zod || !jose || !grpcJs) return undefined;
  return `## Where the client's cost comes from

Both ways of the exporter take turns in one process, a few hundred exports each, and each turn is compared with its neighbour: a process
by itself differs from the next by more than a credential costs. The metadata that never changes is a credential, too. Of
the ${round(signed)} µs of an export, getting the credential and putting it into the call's metadata takes ${round(attach)} µs: a look at the clock, a copy of
metadata that is made once for each credential, and grpc-js's promise. The same export with static metadata takes ${round(fixed)} µs.
A credential is signed once in its life of five minutes, whatever the number of calls, and before it is needed.

Of the ${round(client)} ms that importing the client takes, ${round(grpcJs)} ms are grpc-js, which the exporter has loaded by then, and ${round(credential)} ms
\`@spanpass/credential\`, of which ${round(zod)} ms are zod and ${round(jose)} ms jose. What is left is its own.`;
}
