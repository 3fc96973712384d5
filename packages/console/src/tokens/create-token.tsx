import {
  Alert,
  Button,
  Code,
  Group,
  Modal,
  NativeSelect,
  NumberInput,
  Stack,
  TagsInput,
  TextInput,
} from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { post } from '../api/call.ts';
import { useProjects } from '../api/queries.ts';
import type { Role, Token } from '../api/types.ts';
import { Copy } from '../shell/copy.tsx';

const DAY = 86_400;
const ROLES: { value: Role; label: string }[] = [
  { value: 'viewer', label: 'viewer: reads' },
  { value: 'project-admin', label: 'project-admin: administers the pipeds of its projects' },
  { value: 'owner', label: 'owner: everything' },
  { value: 'auth-server', label: 'auth-server: for an auth server' },
];

export function CreateToken({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [projects, setProjects] = useState<string[]>([]);
  const [days, setDays] = useState<number | string>(90);
  const known = useProjects();
  const client = useQueryClient();
  const isBound = role === 'viewer' || role === 'project-admin';
  const create = useMutation({
    mutationFn: () =>
      post<Token & { token: string }>('/v1/tokens', {
        name,
        role,
        ...(isBound && projects.length > 0 && { projects }),
        lifeSeconds: Number(days) * DAY,
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['tokens'] }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  const made = create.data;
  return (
    <Modal opened onClose={onClose} title="Make a token" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      {made ? (
        <Stack>
          <Alert color="yellow" p="sm">
            The token of {made.name} is shown once. Whoever has it may all that its role may.
          </Alert>
          <Group gap="xs">
            <Code className="token">{made.token}</Code>
            <Copy text={made.token} what="the token" />
          </Group>
          <Group justify="flex-end">
            <Button onClick={onClose}>I have it</Button>
          </Group>
        </Stack>
      ) : (
        <form onSubmit={submit}>
          <Stack>
            <TextInput
              label="Name"
              description="Who has it, for whoever reads the list."
              value={name}
              onChange={event => setName(event.currentTarget.value)}
              maxLength={64}
              data-autofocus
              required
            />
            <NativeSelect
              label="Role"
              data={ROLES}
              value={role}
              onChange={event => setRole(event.currentTarget.value as Role)}
            />
            {isBound && (
              <TagsInput
                label="Projects"
                description={role === 'viewer' ? 'None: it reads all of them.' : 'Those that it administers.'}
                data={(known.data?.items ?? []).map(({ project }) => project)}
                value={projects}
                onChange={setProjects}
                withScrollArea={false}
              />
            )}
            <NumberInput label="Ends after, in days" min={1} max={1830} value={days} onChange={setDays} required />
            <div aria-live="assertive">
              {create.error && (
                <Alert color="red" p="sm">
                  {create.error.message}
                </Alert>
              )}
            </div>
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit" loading={create.isPending}>
                Make it
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
