import { Anchor, Loader, Text, ThemeIcon, Timeline } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { useKeys } from '../api/queries.ts';
import type { Key } from '../api/types.ts';

const WORDS = {
  enroll: { first: 'Registered', waiting: 'Waiting for it to enroll', done: 'Enrolled', span: 'Its first span' },
  renew: {
    first: 'It has a key',
    waiting: 'Waiting for it to renew',
    done: 'Renewed',
    span: 'A span with the new key',
  },
} as const;

export interface ProgressProps {
  readonly project: string;
  readonly piped: string;
  /** Another number begins anew. */
  readonly since: number;
  readonly what?: keyof typeof WORDS;
}

/** Ticks off, while one looks, that the piped has a new key and that the first of its spans with it has passed. */
export function Progress({ project, piped, since, what = 'enroll' }: ProgressProps) {
  const words = WORDS[what];
  const { data } = useKeys(project, piped);
  const known = useKnownAtFirst(data?.items, since);
  const key = known && data?.items.find(({ kid }) => !known.has(kid));
  const isUsed = key?.lastUsedAt !== undefined;
  return (
    <div aria-live="polite">
      <Timeline bulletSize={26} active={isUsed ? 2 : key ? 1 : 0}>
        <Step isDone title={words.first} />
        <Step isDone={key !== undefined} title={key ? words.done : words.waiting}>
          {key && `with the key ${key.kid.slice(0, 12)}…`}
        </Step>
        <Step isDone={isUsed} title={isUsed ? `${words.span} has passed` : `Waiting for ${lower(words.span)} to pass`}>
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

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
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
