import { Anchor, Group, Text, Tooltip } from '@mantine/core';
import type { Piped, Refused } from '../api/types.ts';
import { When } from '../format/time.tsx';

/** What was refused: how often, why the last time, and when. */
export function Refusals({ refusals: { verified, claimed } }: Pick<Piped, 'refusals'>) {
  if (verified === undefined && claimed === undefined) {
    return (
      <Text size="sm" c="dimmed" span>
        none
      </Text>
    );
  }
  return (
    <>
      {verified && <One refused={verified} />}
      {claimed && <One refused={claimed} isClaimed />}
    </>
  );
}

function One({ refused: { count, lastReason, lastAt }, isClaimed = false }: { refused: Refused; isClaimed?: boolean }) {
  return (
    <Group gap="0 6px" wrap="wrap">
      <span>{count} ×</span>
      <Anchor size="sm" href={`#/reasons/${lastReason}`}>
        {lastReason}
      </Anchor>
      <Text size="sm" c="dimmed" span>
        <When at={lastAt} />
      </Text>
      {isClaimed && (
        <Tooltip
          w={260}
          label="It named a key of this piped, without proof that it came from it: anybody may have sent it."
        >
          <Text size="xs" c="dimmed" span tabIndex={0} td="underline dotted">
            unproven
          </Text>
        </Tooltip>
      )}
    </Group>
  );
}
