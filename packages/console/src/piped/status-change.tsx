import { Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { post } from '../api/call.ts';
import type { Piped } from '../api/types.ts';
import { fromNow, useNow } from '../format/time.tsx';
import { Confirm } from '../shell/confirm.tsx';
import { Followers } from './followers.tsx';

export function StatusChange({ piped, onClose }: { piped: Piped; onClose: () => void }) {
  const { project, piped: name, pipedStatus, lastSeenAt } = piped;
  const verb = pipedStatus === 'active' ? 'disable' : 'enable';
  const client = useQueryClient();
  const now = useNow();
  const change = useMutation({
    mutationFn: () => post(`/v1/projects/${project}/pipeds/${name}/${verb}`),
    onSuccess: () => {
      notifications.show({ message: `${name} is ${verb}d.` });
      void client.invalidateQueries();
      onClose();
    },
  });
  return (
    <Confirm
      title={`${verb === 'disable' ? 'Disable' : 'Enable'} ${name}?`}
      action={verb === 'disable' ? 'Disable' : 'Enable'}
      isDangerous={verb === 'disable'}
      isPending={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate()}
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
      <Followers />
    </Confirm>
  );
}
