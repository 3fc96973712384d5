import { Button, Group, NativeSelect, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconPlus, IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { usePipeds, useProjects } from '../api/queries.ts';
import type { Status } from '../api/types.ts';
import { ProjectSelect } from '../projects/project-select.tsx';
import { useMayWrite } from '../session/caller.ts';
import { Awaited, Page } from '../shell/page.tsx';
import { PipedTable } from './piped-table.tsx';

const NO_ID = /[^A-Za-z0-9._-]/g;

export function PipedsPage() {
  const [project, setProject] = useState('');
  const [status, setStatus] = useState<Status | ''>('');
  const [typed, setTyped] = useState('');
  const [search] = useDebouncedValue(typed, 200);
  const projects = useProjects();
  const pipeds = usePipeds({ project, status, search });
  const mayWrite = useMayWrite();
  const items = pipeds.data?.pages.flatMap(page => page.items) ?? [];
  const isFiltered = project !== '' || status !== '' || search !== '';
  return (
    <Page
      title="Pipeds"
      side={
        mayWrite && (
          <Button component="a" href="#/pipeds/register" leftSection={<IconPlus size={16} aria-hidden />}>
            Register a piped
          </Button>
        )
      }
    >
      <Group mb="md" align="end" role="search">
        <TextInput
          label="Search"
          placeholder="a part of the name"
          value={typed}
          onChange={event => setTyped(event.currentTarget.value.replace(NO_ID, '').slice(0, 64))}
          leftSection={<IconSearch size={16} aria-hidden />}
          flex="1 1 12rem"
        />
        <ProjectSelect
          projects={(projects.data?.items ?? []).map(({ project }) => project)}
          value={project}
          onChange={setProject}
        />
        <NativeSelect
          label="Enabled"
          value={status}
          onChange={event => setStatus(event.currentTarget.value as Status | '')}
          data={[
            { value: '', label: 'All' },
            { value: 'active', label: 'Enabled' },
            { value: 'disabled', label: 'Disabled' },
          ]}
        />
      </Group>
      {pipeds.data === undefined ? (
        <Awaited error={pipeds.error} what="pipeds" />
      ) : items.length === 0 ? (
        <Nothing isFiltered={isFiltered} />
      ) : (
        <>
          <Text size="sm" c="dimmed" mb="xs" aria-live="polite">
            {items.length}
            {pipeds.hasNextPage ? ' or more' : ''} {items.length === 1 ? 'piped' : 'pipeds'}
          </Text>
          <PipedTable
            items={items}
            hasMore={pipeds.hasNextPage}
            onEnd={() => {
              if (pipeds.hasNextPage && !pipeds.isFetching) void pipeds.fetchNextPage();
            }}
          />
        </>
      )}
    </Page>
  );
}

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  return (
    <div className="panel">
      <Text p="xl" ta="center">
        {isFiltered
          ? 'No piped is like that.'
          : 'No piped is registered yet: register one, and it gets a token to enroll with.'}
      </Text>
    </div>
  );
}
