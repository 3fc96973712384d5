import { Alert, Anchor, Button, Group, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useAudit, useKeys, usePiped } from '../api/queries.ts';
import type { Piped } from '../api/types.ts';
import { AuditTable } from '../audit/audit-table.tsx';
import { exactTime, useNow, When } from '../format/time.tsx';
import { Refusals } from '../pipeds/refusals.tsx';
import { stateOf } from '../pipeds/state.ts';
import { StateBadge } from '../pipeds/state-badge.tsx';
import { useMayWrite } from '../session/caller.ts';
import { Awaited, Page } from '../shell/page.tsx';
import { KeyTable } from './key-table.tsx';
import { NewToken } from './new-token.tsx';
import { StatusChange } from './status-change.tsx';
import { Version } from './version.tsx';

export function PipedPage({ project, piped: name }: { project: string; piped: string }) {
  const { data: piped, error } = usePiped(project, name);
  return (
    <Page title={name} side={piped && <Actions piped={piped} />}>
      {piped === undefined ? (
        <Awaited error={error} what="the piped" />
      ) : piped === null ? (
        <Alert color="yellow">
          The project {project} has no piped of this name. <Anchor href="#/">All pipeds</Anchor>
        </Alert>
      ) : (
        <Facts piped={piped} />
      )}
    </Page>
  );
}

function Actions({ piped }: { piped: Piped }) {
  const [open, setOpen] = useState<'status' | 'token'>();
  const mayWrite = useMayWrite();
  if (!mayWrite) return null;
  const close = () => setOpen(undefined);
  return (
    <Group gap="xs">
      <Button variant="default" onClick={() => setOpen('token')}>
        New enrollment token
      </Button>
      <Button
        variant={piped.pipedStatus === 'active' ? 'outline' : 'filled'}
        {...(piped.pipedStatus === 'active' && { color: 'red' })}
        onClick={() => setOpen('status')}
      >
        {piped.pipedStatus === 'active' ? 'Disable' : 'Enable'}
      </Button>
      {open === 'status' && <StatusChange piped={piped} onClose={close} />}
      {open === 'token' && <NewToken piped={piped} onClose={close} />}
    </Group>
  );
}

function Facts({ piped }: { piped: Piped }) {
  const { project, piped: name, lastSeenAt, lastSeenBy, scopes, createdAt } = piped;
  const keys = useKeys(project, name);
  const audit = useAudit({ project, piped: name });
  const now = useNow(5000);
  return (
    <Stack gap="lg">
      <div className="panel">
        <Stack p="md" gap="md">
          <Group gap="sm" aria-live="polite">
            <StateBadge piped={piped} size="lg" />
            <Text size="sm">{stateOf(piped, now).why}</Text>
          </Group>
          <dl className="facts">
            <Fact name="Project">{project}</Fact>
            <Fact name="Last seen">
              {lastSeenAt === undefined ? 'never' : <When at={lastSeenAt} />}
              {lastSeenBy[0] && (
                <Text size="xs" c="dimmed">
                  by {lastSeenBy[0].authenticator}
                </Text>
              )}
            </Fact>
            <Fact name="Version">
              <Version project={project} piped={name} />
            </Fact>
            <Fact name="May send">{scopes.join(', ')}</Fact>
            <Fact name="Registered">{exactTime(createdAt)}</Fact>
            <Fact name="Refusals">
              <Refusals refusals={piped.refusals} />
            </Fact>
          </dl>
        </Stack>
      </div>
      <section aria-labelledby="keys">
        <Title order={2} size="h4" mb="xs" id="keys">
          Keys
        </Title>
        {keys.data === undefined ? (
          <Awaited error={keys.error} what="keys" />
        ) : (
          <KeyTable keys={keys.data.items} piped={piped} />
        )}
      </section>
      <section aria-labelledby="done">
        <Title order={2} size="h4" mb="xs" id="done">
          What was done
        </Title>
        {audit.data === undefined ? (
          <Awaited error={audit.error} what="the audit" />
        ) : (
          <AuditTable rows={audit.data.pages[0]?.items.slice(0, 20) ?? []} isShort />
        )}
      </section>
    </Stack>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
