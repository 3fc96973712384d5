import { markdown } from '../bench/table.ts';
import { type FaultCounts, type Report, sumOf } from './report.ts';

const BEGIN = '<!-- Written by `npm run chaos:page -w test` from test/chaos/reports. -->';
const END = '<!-- Until here. -->';

/** The page with what runs found in the place that is marked for it: a table of the first, a line of each other. */
export function withFindings(page: string, [first, ...others]: readonly Report[]): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined || first === undefined)
    throw new Error('no place for what was found');
  const text = [sentence(first), table(first), ...others.map(report => sentence(report))];
  return `${before}${BEGIN}\n\n${text.join('\n\n')}\n\n${END}${after}`;
}

function table({ faults, total }: Report): string {
  const single = faults.filter(({ fault }) => !fault.includes(' + '));
  const pairs = faults.filter(({ fault }) => fault.includes(' + '));
  const rows = [...single, together(`${pairs.length} pairs of these`, pairs), { fault: 'all', ...total }];
  return markdown(
    [
      'fault',
      'made',
      'refused',
      'arrived',
      'lost',
      'wrong identity',
      'doubled',
      'latest after',
      'sidecar’s',
      'stock lost',
    ],
    rows.map(row => [
      row.fault,
      ...[row.made, row.refused, row.arrived, row.lost, row.misattributed, row.doubled].map(String),
      seconds(row.durable.longestDelayMs),
      seconds(row.sidecar.longestDelayMs),
      `${row.stock.lost} of ${row.stock.made}`,
    ]),
  );
}

function together(fault: string, all: readonly FaultCounts[]): FaultCounts {
  const of = (way: 'durable' | 'sidecar' | 'stock') => sumOf(...all.map(one => one[way]));
  return { fault, ...sumOf(...all), durable: of('durable'), sidecar: of('sidecar'), stock: of('stock') };
}

function sentence({ seed, seconds: long, total, countedDrops, faults }: Report): string {
  const { made, refused, arrived, lost, misattributed, doubled, stock } = total;
  const drops = Object.entries(countedDrops).map(([reason, items]) => `${items} \`${reason}\``);
  return `Seed ${seed}, ${long} seconds, ${faults.length - 1} faults: ${made} spans made, ${refused} refused (the spools count ${drops.join(' and ')}), ${arrived}
arrived, **${lost} lost**, ${misattributed} under a wrong identity, ${doubled} doubled; the stock exporter alone lost ${stock.lost} of ${stock.made}.`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
