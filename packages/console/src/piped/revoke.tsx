import { Alert, Checkbox, Code, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { hasCode, post } from '../api/call.ts';
import type { Key, Piped } from '../api/types.ts';
import { fromNow, useNow } from '../format/time.tsx';
import { Confirm } from '../shell/confirm.tsx';
import { Followers } from './followers.tsx';

export interface RevokeProps {
  readonly target: Key;
  readonly piped: Piped;
  readonly onClose: () => void;
}

export function Revoke({ target: { kid, lastUsedAt }, piped, onClose }: RevokeProps) {
  const [force, setForce] = useState(false);
  const client = useQueryClient();
  const now = useNow();
  const revoke = useMutation({
    mutationFn: () => post(`/v1/keys/${kid}/revoke${force ? '?force=true' : ''}`),
    onSuccess: () => {
      notifications.show({ message: `The key ${kid.slice(0, 12)}… is revoked.` });
      void client.invalidateQueries();
      onClose();
    },
  });
  const isLast = piped.keys <= 1;
  const mustForce = isLast && lastUsedAt !== undefined;
  return (
    <Confirm
      title={`Revoke a key of ${piped.piped}?`}
      action="Revoke for good"
      isDangerous
      isPending={revoke.isPending}
      error={hasCode(revoke.error, 'last_key_in_use') && !force ? LAST : revoke.error}
      onConfirm={() => revoke.mutate()}
      onClose={onClose}
    >
      <Text size="sm">
        <Code>{kid}</Code>
      </Text>
      <Text size="sm">
        Whatever is signed with it is refused from then on, and it can't be undone. The piped renews or enrolls to get
        another key. It was last used{' '}
        {lastUsedAt === undefined ? 'never, as far as is known' : fromNow(lastUsedAt, now)}.
      </Text>
      <Followers />
      {isLast && (
        <Alert color="red" p="sm">
          It is the only key that the piped has: the piped passes no more, until it is enrolled anew.
        </Alert>
      )}
      {(mustForce || hasCode(revoke.error, 'last_key_in_use')) && (
        <Checkbox
          label="Shut the piped out all the same"
          checked={force}
          onChange={event => setForce(event.currentTarget.checked)}
        />
      )}
    </Confirm>
  );
}

const LAST = new Error('It is the last key that the piped uses. Say that it shall be shut out all the same.');
