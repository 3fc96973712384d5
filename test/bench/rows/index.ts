import type { Row } from '../row.ts';
import { clientRows } from './client.ts';
import { coldRows } from './cold.ts';
import { gatewayRows } from './gateway.ts';
import { memoryRows } from './memory.ts';
import { serverRows } from './server.ts';
import { spanRows } from './spans.ts';
import { stormRows } from './storm.ts';
import { wallRows } from './wall.ts';
import { workerRows } from './workers.ts';

/** All that can be measured, in the order of the tables. */
export const allRows: readonly Row[] = [
  ...gatewayRows,
  ...serverRows,
  ...wallRows,
  ...coldRows,
  ...clientRows,
  ...spanRows,
  ...stormRows,
  ...workerRows,
  ...memoryRows,
];
