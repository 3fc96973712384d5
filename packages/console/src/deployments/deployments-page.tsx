import { Alert, Anchor, Badge, Code, Group, NativeSelect, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { hasCode } from '../api/call.ts';
import { useDeployments } from '../api/queries.ts';
import type { Deployment } from '../api/types.ts';
import { milliseconds, When } from '../format/time.tsx';
import { ProjectSelect } from '../projects/project-select.tsx';
import { Awaited, Page } from '../shell/page.tsx';
import { Scroll } from '../shell/scroll.tsx';
import { Scatter } from './scatter.tsx';

const SPANS = [
  { value: '3600', label: 'The last hour' },
  { value: '86400', label: 'The last day' },
  { value: '604800', label: 'The last week' },
  { value: '2592000', label: 'The last month' },
];
export const OUTCOME_COLOURS = { success: 'green', failed: 'red', running: 'yellow' } as const;

export default function DeploymentsPage() {
  const [since, setSince] = useState('604800');
  const [project, setProject] = useState('');
  const { data, error } = useDeployments(Number(since));
  const all = data?.items ?? [];
  const projects = [...new Set(all.map(({ project }) => project))].sort();
  const items = all.filter(item => project === '' || item.project === project);
  return (
    <Page title="Deployments">
      <Group mb="md" align="end">
        <NativeSelect
          label="Since"
          data={SPANS}
          value={since}
          onChange={event => setSince(event.currentTarget.value)}
        />
        <ProjectSelect projects={projects} value={project} onChange={setProject} />
      </Group>
      {hasCode(error, 'traces_unset') ? (
        <Alert color="yellow">
          This control plane knows no store of traces. Give it the address of a query API like Jaeger’s as{' '}
          <Code>jaegerUrl</Code>.
        </Alert>
      ) : data === undefined ? (
        <Awaited error={error} what="deployments" />
      ) : items.length === 0 ? (
        <div className="panel">
          <Text p="xl" ta="center">
            No deployment has been traced in this time.
          </Text>
        </div>
      ) : (
        <Stack>
          {error && <Alert color="red">{error.message}</Alert>}
          <div className="panel padded">
            <Group gap="lg" mb="xs">
              <Legend outcome="success" label="succeeded" items={items} />
              <Legend outcome="failed" label="failed" items={items} />
              <Legend outcome="running" label="running" items={items} />
            </Group>
            <Scatter items={items} />
          </div>
          <List items={items.slice(0, 100)} />
        </Stack>
      )}
    </Page>
  );
}

interface LegendProps {
  readonly outcome: Deployment['outcome'];
  readonly label: string;
  readonly items: readonly Deployment[];
}

function Legend({ outcome, label, items }: LegendProps) {
  return (
    <Group gap={6}>
      <svg width="16" height="16" aria-hidden="true">
        {outcome === 'failed' ? (
          <path className="failed" d="M8 0l8 8-8 8-8-8z" />
        ) : (
          <circle className={outcome} cx="8" cy="8" r="6" />
        )}
      </svg>
      <Text size="sm">
        {items.filter(item => item.outcome === outcome).length} {label}
      </Text>
    </Group>
  );
}

function List({ items }: { items: readonly Deployment[] }) {
  return (
    <Scroll label="Deployments">
      <table className="long" aria-label="Deployments">
        <thead>
          <tr>
            <th scope="col">Application</th>
            <th scope="col">Outcome</th>
            <th scope="col">Took</th>
            <th scope="col">Started</th>
            <th scope="col" className="only-wide">
              Piped
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map(
            ({ traceId, application, name, deploymentId, outcome, durationMs, startedAtMs, project, piped }) => (
              <tr key={traceId}>
                <td>
                  <Anchor size="sm" fw={600} href={`#/deployments/${traceId}`}>
                    {application || name}
                  </Anchor>
                  <Text size="xs" c="dimmed">
                    {deploymentId}
                  </Text>
                </td>
                <td>
                  <Badge color={OUTCOME_COLOURS[outcome]} variant="light" tt="none" radius="sm">
                    {outcome}
                  </Badge>
                </td>
                <td>{milliseconds(durationMs)}</td>
                <td>
                  <When at={startedAtMs / 1000} />
                </td>
                <td className="only-wide">
                  {project && piped && (
                    <Anchor size="sm" href={`#/pipeds/${project}/${piped}`}>
                      {project}/{piped}
                    </Anchor>
                  )}
                </td>
              </tr>
            ),
          )}
        </tbody>
      </table>
    </Scroll>
  );
}
