import { Text } from '@mantine/core';
import type { Piped } from '../api/types.ts';
import { fromNow, useNow } from '../format/time.tsx';
import { StatusConfirm } from '../shell/status-confirm.tsx';

export function StatusChange({ piped, onClose }: { piped: Piped; onClose: () => void }) {
  const { project, piped: name, pipedStatus, lastSeenAt } = piped;
  const verb = pipedStatus === 'active' ? 'disable' : 'enable';
  const now = useNow();
  return (
    <StatusConfirm
      verb={verb}
      asObject={name}
      asSubject={name}
      path={`/v1/projects/${project}/pipeds/${name}`}
      onClose={onClose}
    >
      {verb === 'disable' ? (
        <>
          <Text size="sm">
            Whatever it sends is refused, with all of its keys, until it is enabled again. Its keys stay as they are. It
            was last seen {lastSeenAt === undefined ? 'never' : fromNow(lastSeenAt, now)}.
          </Text>
          <Text size="sm">
            A piped that exports with spanpass keeps its traces meanwhile, as far as its disk lets it; others lose them.
          </Text>
        </>
      ) : (
        <Text size="sm">What its good keys sign passes again.</Text>
      )}
    </StatusConfirm>
  );
}
