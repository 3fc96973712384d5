import { Button, Center, Group, NativeSelect, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { useAudit, useProjects } from '../api/queries.ts';
import { ProjectSelect } from '../projects/project-select.tsx';
import { Awaited, Page } from '../shell/page.tsx';
// Written from the control plane's list, which a test holds it to.
import ACTIONS from './actions.json';
import { AuditTable } from './audit-table.tsx';
import { Chain } from './chain.tsx';

const DAY = 86_400;

export function AuditPage() {
  const [project, setProject] = useState('');
  const [action, setAction] = useState('');
  const [typed, setTyped] = useState('');
  const [piped] = useDebouncedValue(typed, 200);
  const [from, setFrom] = useState('');
  const [until, setUntil] = useState('');
  const projects = useProjects();
  const audit = useAudit({ project, piped, action, from: secondsOf(from), until: secondsOf(until, DAY) });
  return (
    <Page title="Audit" side={<Chain />}>
      <Group mb="md" align="end" role="search">
        <ProjectSelect
          projects={(projects.data?.items ?? []).map(({ project }) => project)}
          value={project}
          onChange={setProject}
        />
        <TextInput
          label="Piped"
          placeholder="its whole name"
          value={typed}
          onChange={event => setTyped(event.currentTarget.value.replace(/[^A-Za-z0-9._-]/g, '').slice(0, 64))}
        />
        <NativeSelect
          label="What"
          value={action}
          onChange={event => setAction(event.currentTarget.value)}
          data={[{ value: '', label: 'Everything' }, ...ACTIONS]}
        />
        <TextInput type="date" label="From" value={from} onChange={event => setFrom(event.currentTarget.value)} />
        <TextInput type="date" label="Until" value={until} onChange={event => setUntil(event.currentTarget.value)} />
      </Group>
      {audit.data === undefined ? (
        <Awaited error={audit.error} what="the audit" />
      ) : (
        <>
          <AuditTable rows={audit.data.pages.flatMap(({ items }) => items)} />
          {audit.hasNextPage && (
            <Center mt="md">
              <Button variant="default" loading={audit.isFetchingNextPage} onClick={() => audit.fetchNextPage()}>
                Show older
              </Button>
            </Center>
          )}
        </>
      )}
    </Page>
  );
}

/** Of a day in this browser's zone, `later` seconds into it. */
function secondsOf(day: string, later = 0): number | undefined {
  const at = new Date(`${day}T00:00:00`).getTime() / 1000;
  return Number.isNaN(at) ? undefined : at + later;
}
