import { Anchor, Code, Text } from '@mantine/core';
import type { AuditRow } from '../api/types.ts';
import { When } from '../format/time.tsx';
import { nameOf } from '../session/caller.ts';
import { Scroll } from '../shell/scroll.tsx';

/** @param isShort without what is the same in all rows of one piped */
export function AuditTable({ rows, isShort = false }: { rows: readonly AuditRow[]; isShort?: boolean }) {
  if (rows.length === 0) {
    return (
      <div className="panel">
        <Text p="md" size="sm">
          Nothing is like that.
        </Text>
      </div>
    );
  }
  return (
    <Scroll label="Audit">
      <table className="long" aria-label="Audit">
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">What</th>
            {!isShort && <th scope="col">Of what</th>}
            <th scope="col">Who</th>
            <th scope="col" className="only-wide">
              From where
            </th>
            {!isShort && (
              <th scope="col" className="only-wide">
                No.
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ seq, at, action, target, actor, hash }) => (
            <tr key={seq}>
              <td>
                <When at={at} />
              </td>
              <td>{action}</td>
              {!isShort && (
                <td>
                  <Target {...target} />
                </td>
              )}
              <td>
                {actor.role}
                {actor.person && (
                  <Text
                    size="xs"
                    c="dimmed"
                    title={`${actor.person.subject} at ${actor.person.issuer}`}
                    className="who"
                  >
                    {nameOf(actor.person)}
                  </Text>
                )}
                {actor.tokenId && (
                  <Text size="xs" c="dimmed" title={actor.tokenId}>
                    {actor.tokenId.slice(0, 8)}…
                  </Text>
                )}
              </td>
              <td className="only-wide">{actor.peerAddress ?? ''}</td>
              {!isShort && (
                <td className="only-wide" title={`hash ${hash}`}>
                  {seq}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Target({ project, piped, kid, tokenId }: AuditRow['target']) {
  return (
    <>
      {project && piped ? (
        <Anchor size="sm" href={`#/pipeds/${project}/${piped}`}>
          {project}/{piped}
        </Anchor>
      ) : (
        project
      )}
      {kid && (
        <Text size="xs" c="dimmed">
          key <Code title={kid}>{kid.slice(0, 12)}…</Code>
        </Text>
      )}
      {tokenId && (
        <Text size="xs" c="dimmed" title={tokenId}>
          token {tokenId.slice(0, 8)}…
        </Text>
      )}
    </>
  );
}
