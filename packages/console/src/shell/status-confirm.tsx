import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { post } from '../api/call.ts';
import { Followers } from '../piped/followers.tsx';
import { Confirm } from './confirm.tsx';

/** Asks before something is disabled, or enabled again, and does it. */
export function StatusConfirm(props: {
  verb: 'disable' | 'enable';
  /** Its name behind the verb. */
  asObject: string;
  /** Its name where a sentence begins. */
  asSubject: string;
  path: string;
  onClose: () => void;
  /** What will happen. */
  children: ReactNode;
}) {
  const { verb, asObject, asSubject, path, onClose, children } = props;
  const Verb = verb === 'disable' ? 'Disable' : 'Enable';
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () => post(`${path}/${verb}`),
    onSuccess: () => {
      notifications.show({ message: `${asSubject} is ${verb}d.` });
      void client.invalidateQueries();
      onClose();
    },
  });
  return (
    <Confirm
      title={`${Verb} ${asObject}?`}
      action={Verb}
      isDangerous={verb === 'disable'}
      isPending={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    >
      {children}
      <Followers />
    </Confirm>
  );
}
