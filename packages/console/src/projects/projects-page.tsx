import { Anchor, Badge, Button, Text } from '@mantine/core';
import { useState } from 'react';
import { useProjects } from '../api/queries.ts';
import type { Project } from '../api/types.ts';
import { When } from '../format/time.tsx';
import { useMayWrite } from '../session/caller.ts';
import { Awaited, Page } from '../shell/page.tsx';
import { Scroll } from '../shell/scroll.tsx';
import { StatusConfirm } from '../shell/status-confirm.tsx';

export function ProjectsPage() {
  const { data, error } = useProjects();
  const [changed, setChanged] = useState<Project>();
  const mayWrite = useMayWrite();
  return (
    <Page title="Projects">
      {data === undefined ? (
        <Awaited error={error} what="projects" />
      ) : (
        <Scroll label="Projects">
          {data.items.length === 0 ? (
            <Text p="md">
              There is none yet: <Anchor href="#/pipeds/register">registering a piped</Anchor> makes its project too.
            </Text>
          ) : (
            <table className="long" aria-label="Projects">
              <thead>
                <tr>
                  <th scope="col">Project</th>
                  <th scope="col">State</th>
                  <th scope="col">Made</th>
                  {mayWrite && <th scope="col">Action</th>}
                </tr>
              </thead>
              <tbody>
                {data.items.map(item => (
                  <tr key={item.project}>
                    <td>
                      <Text fw={600} size="sm">
                        {item.project}
                      </Text>
                    </td>
                    <td>
                      <Badge
                        color={item.projectStatus === 'active' ? 'green' : 'gray'}
                        variant="light"
                        tt="none"
                        radius="sm"
                      >
                        {item.projectStatus === 'active' ? 'Enabled' : 'Disabled'}
                      </Badge>
                    </td>
                    <td>
                      <When at={item.createdAt} />
                    </td>
                    {mayWrite && (
                      <td>
                        <Button size="compact-sm" variant="default" onClick={() => setChanged(item)}>
                          {item.projectStatus === 'active' ? 'Disable' : 'Enable'} {item.project}
                        </Button>
                      </td>
                    )}
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </Scroll>
      )}
      {changed && <Change {...changed} onClose={() => setChanged(undefined)} />}
    </Page>
  );
}

function Change({ project, projectStatus, onClose }: Project & { onClose: () => void }) {
  const verb = projectStatus === 'active' ? 'disable' : 'enable';
  return (
    <StatusConfirm
      verb={verb}
      asObject={`the project ${project}`}
      asSubject={`The project ${project}`}
      path={`/v1/projects/${project}`}
      onClose={onClose}
    >
      <Text size="sm">
        {verb === 'disable'
          ? 'Whatever any of its pipeds sends is refused, until the project is enabled again.'
          : 'What its enabled pipeds send passes again.'}
      </Text>
    </StatusConfirm>
  );
}
