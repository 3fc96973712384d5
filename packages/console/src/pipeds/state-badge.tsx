import { Badge, Tooltip } from '@mantine/core';
import type { Piped } from '../api/types.ts';
import { useNow } from '../format/time.tsx';
import { stateOf } from './state.ts';

export function StateBadge({ piped, size = 'md' }: { piped: Piped; size?: 'md' | 'lg' }) {
  const { label, colour, why } = stateOf(piped, useNow(5000));
  return (
    <Tooltip label={why} w={260}>
      <Badge className="state" color={colour} variant="light" size={size} tt="none" radius="sm">
        {label}
      </Badge>
    </Tooltip>
  );
}
