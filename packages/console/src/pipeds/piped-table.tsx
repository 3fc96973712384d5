import { Anchor, Text } from '@mantine/core';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useVersionOf } from '../api/queries.ts';
import type { Piped } from '../api/types.ts';
import { fromNow, useNow, When } from '../format/time.tsx';
import { Refusals } from './refusals.tsx';
import { StateBadge } from './state-badge.tsx';

const ROW_PX = 60;

export interface PipedTableProps {
  readonly items: readonly Piped[];
  readonly hasMore: boolean;
  /** Called when the end of what there is comes into sight. */
  readonly onEnd: () => void;
}

/** Draws the rows in sight and a few around them, however many there are. */
export function PipedTable({ items, hasMore, onEnd }: PipedTableProps) {
  const place = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const versionOf = useVersionOf();
  useLayoutEffect(() => setTop(place.current?.offsetTop ?? 0), []);
  const rows = useWindowVirtualizer({
    count: items.length,
    estimateSize: () => ROW_PX,
    overscan: 8,
    scrollMargin: top,
    getItemKey: index => `${items[index]?.project}/${items[index]?.piped}`,
  });
  const shown = rows.getVirtualItems();
  const [first, last] = [shown[0], shown.at(-1)];
  useEffect(() => {
    if (last !== undefined && last.index >= items.length - 20) onEnd();
  });
  return (
    <div ref={place} className="panel">
      <table className="long" aria-rowcount={hasMore ? -1 : items.length + 1} aria-label="Pipeds">
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col">Piped</th>
            <th scope="col">State</th>
            <th scope="col" className="only-wide">
              Last seen
            </th>
            <th scope="col" className="only-wide">
              Keys
            </th>
            <th scope="col" className="only-wide">
              Refusals
            </th>
          </tr>
        </thead>
        <tbody>
          <Gap px={first === undefined ? 0 : first.start - top} />
          {shown.map(({ index, key }) => {
            const piped = items[index];
            return (
              piped && (
                <tr key={key} data-index={index} ref={rows.measureElement} aria-rowindex={index + 2}>
                  <Row piped={piped} version={versionOf(piped.project, piped.piped)} />
                </tr>
              )
            );
          })}
          <Gap px={last === undefined ? 0 : rows.getTotalSize() - (last.end - top)} />
        </tbody>
      </table>
    </div>
  );
}

function Gap({ px }: { px: number }) {
  if (px <= 0) return null;
  return (
    <tr className="gap" aria-hidden>
      <td colSpan={5} style={{ height: px }} />
    </tr>
  );
}

function Row({ piped, version }: { piped: Piped; version: string | undefined }) {
  const { lastSeenAt } = piped;
  const seen = lastSeenAt === undefined ? <Dim>never</Dim> : <When at={lastSeenAt} />;
  return (
    <>
      <td>
        <Anchor href={`#/pipeds/${piped.project}/${piped.piped}`} fw={600} size="sm">
          {piped.piped}
        </Anchor>
        <Text size="xs" c="dimmed">
          {piped.project}
          {version && `, ${version}`}
        </Text>
        <div className="only-narrow">
          <Text size="xs" component="div">
            seen {seen}
          </Text>
          {piped.refusals.verified && <Refusals refusals={piped.refusals} />}
        </div>
      </td>
      <td>
        <StateBadge piped={piped} />
      </td>
      <td className="only-wide">{seen}</td>
      <td className="only-wide">
        <Keys piped={piped} />
      </td>
      <td className="only-wide">
        <Refusals refusals={piped.refusals} />
      </td>
    </>
  );
}

function Keys({ piped: { keys, newestKeySince, keysEndAt, pipecdKeys } }: { piped: Piped }) {
  const now = useNow(5000);
  if (keys === 0 && pipecdKeys === 0) return <Dim>none</Dim>;
  return (
    <>
      {keys > 0 && `${keys} active`}
      {keys > 0 && pipecdKeys > 0 && ', '}
      {pipecdKeys > 0 && `${pipecdKeys} of PipeCD`}
      {newestKeySince !== undefined && keysEndAt !== undefined && (
        <Text size="xs" c="dimmed">
          made {fromNow(newestKeySince, now)}, {keysEndAt > now ? 'ends' : 'ended'} {fromNow(keysEndAt, now)}
        </Text>
      )}
    </>
  );
}

function Dim({ children }: { children: string }) {
  return (
    <Text size="sm" c="dimmed" span>
      {children}
    </Text>
  );
}
