import { Alert, Autocomplete, Button, Checkbox, Group, Paper, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { post } from '../api/call.ts';
import { useAbout, useProjects } from '../api/queries.ts';
import type { EnrollmentToken } from '../api/types.ts';
import { useMayWrite } from '../session/caller.ts';
import { Page } from '../shell/page.tsx';
import { Enrollment } from './enrollment.tsx';

const ID = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/;
const SIGNALS = ['traces', 'metrics', 'logs', 'profiles'];

type Registered = EnrollmentToken & { readonly project: string; readonly piped: string };

export function RegisterPage() {
  const [registered, setRegistered] = useState<Registered>();
  const about = useAbout();
  if (!useMayWrite())
    return <Page title="Register a piped">A viewer registers none: ask an admin of the project.</Page>;
  if (registered === undefined) {
    return (
      <Page title="Register a piped">
        <Form onDone={setRegistered} />
      </Page>
    );
  }
  const { project, piped } = registered;
  return (
    <Page
      title={`Enroll ${piped}`}
      side={
        <Group gap="xs">
          <Button variant="default" onClick={() => setRegistered(undefined)}>
            Register another
          </Button>
          <Button component="a" href={`#/pipeds/${project}/${piped}`} variant="default">
            To the piped
          </Button>
        </Group>
      }
    >
      <Paper withBorder p="md" radius="md">
        <Enrollment project={project} piped={piped} token={registered} controlPlane={about.data?.publicUrl ?? ''} />
      </Paper>
    </Page>
  );
}

function Form({ onDone }: { onDone: (registered: Registered) => void }) {
  const [project, setProject] = useState('');
  const [piped, setPiped] = useState('');
  const [scopes, setScopes] = useState(['traces']);
  const [isTried, setTried] = useState(false);
  const projects = useProjects();
  const client = useQueryClient();
  const register = useMutation({
    mutationFn: () => post<Registered>(`/v1/projects/${project}/pipeds`, { piped, scopes }),
    onSuccess: done => {
      void client.invalidateQueries();
      onDone(done);
    },
  });
  const wrong = (id: string) =>
    isTried && !ID.test(id) ? 'Up to 64 letters, digits, dots, dashes, underscores' : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (ID.test(project) && ID.test(piped) && scopes.length > 0) register.mutate();
  };
  return (
    <Paper withBorder p="lg" radius="md" maw="34rem" component="form" onSubmit={submit} noValidate>
      <Stack>
        <Autocomplete
          label="Project"
          description="It is made with its first piped."
          data={(projects.data?.items ?? []).map(({ project }) => project)}
          value={project}
          onChange={setProject}
          error={wrong(project)}
          maxLength={64}
          withScrollArea={false}
          required
        />
        <TextInput
          label="Piped"
          description="A name for it within the project."
          value={piped}
          onChange={event => setPiped(event.currentTarget.value)}
          error={wrong(piped)}
          maxLength={64}
          required
        />
        <Checkbox.Group
          label="May send"
          value={scopes}
          onChange={setScopes}
          error={scopes.length === 0 ? 'Name at least one' : null}
        >
          <Group mt="xs">
            {SIGNALS.map(signal => (
              <Checkbox key={signal} value={signal} label={signal} />
            ))}
          </Group>
        </Checkbox.Group>
        <div aria-live="assertive">
          {register.error && (
            <Alert color="red" p="sm">
              {register.error.message}
            </Alert>
          )}
        </div>
        <Group justify="flex-end">
          <Button component="a" href="#/" variant="default">
            Cancel
          </Button>
          <Button type="submit" loading={register.isPending}>
            Register
          </Button>
        </Group>
      </Stack>
    </Paper>
  );
}
