import { Anchor, Loader, Text, ThemeIcon, Timeline } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { useKeys } from '../api/queries.ts';
import type { Key } from '../api/types.ts';

/** Ticks off, while one looks, that the piped has enrolled and that the first of its spans has passed. */
export function Progress({ project, piped, since }: { project: string; piped: string; since: number }) {
  const { data } = useKeys(project, piped);
  const known = useKnownAtFirst(data?.items, since);
  const key = known && data?.items.find(({ kid }) => !known.has(kid));
  const isUsed = key?.lastUsedAt !== undefined;
  return (
    <div aria-live="polite">
      <Timeline bulletSize={26} active={isUsed ? 2 : key ? 1 : 0}>
        <Step isDone title="Registered" />
        <Step isDone={key !== undefined} title={key ? 'Enrolled' : 'Waiting for it to enroll'}>
          {key && `with the key ${key.kid.slice(0, 12)}…`}
        </Step>
        <Step isDone={isUsed} title={isUsed ? 'Its first span has passed' : 'Waiting for its first span to pass'}>
          {isUsed ? (
            <Anchor size="sm" href={`#/pipeds/${project}/${piped}`}>
              Look at the piped
            </Anchor>
          ) : (
            key && 'Gateways report what they saw every few seconds, up to half a minute apart.'
          )}
        </Step>
      </Timeline>
    </div>
  );
}

/** The keys that were there before the token was used. */
function useKnownAtFirst(keys: readonly Key[] | undefined, since: number): ReadonlySet<string> | undefined {
  const [first, setFirst] = useState<{ since: number; kids: ReadonlySet<string> }>();
  if (keys === undefined) return undefined;
  if (first?.since === since) return first.kids;
  const kids = new Set(keys.map(({ kid }) => kid));
  setFirst({ since, kids });
  return kids;
}

function Step({ isDone, title, children }: { isDone: boolean; title: string; children?: React.ReactNode }) {
  return (
    <Timeline.Item
      title={title}
      bullet={
        isDone ? (
          <ThemeIcon size={22} radius="xl" color="green.9">
            <IconCheck size={14} aria-label="done" />
          </ThemeIcon>
        ) : (
          <Loader size={14} aria-hidden />
        )
      }
    >
      {children && (
        <Text size="sm" c="dimmed" component="div">
          {children}
        </Text>
      )}
    </Timeline.Item>
  );
}
