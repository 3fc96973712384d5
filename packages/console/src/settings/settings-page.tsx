import { Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { useAbout } from '../api/queries.ts';
import { exactTime, span } from '../format/time.tsx';
import { useCaller } from '../session/caller.ts';
import { Awaited, Page } from '../shell/page.tsx';

export function SettingsPage() {
  const { data, error } = useAbout();
  const { role, projects, person, expiresAt } = useCaller();
  return (
    <Page title="Settings">
      {data === undefined ? (
        <Awaited error={error} what="settings" />
      ) : (
        <Stack>
          <Part title="This control plane">
            <Fact name="Pipeds reach it at">{data.publicUrl}</Fact>
            <Fact name="Id of the gateway, in credentials">{data.gatewayAudience}</Fact>
            <Fact name="Auth servers that follow it now">{data.followers}</Fact>
            <Fact name="Changes so far">{data.revision}</Fact>
            <Fact name="People sign in">
              {data.signInAt === undefined ? 'with a token' : `at ${data.signInAt}, or with a token`}
            </Fact>
            <Fact name="Deployments">{data.traces ? 'shown' : 'no store of traces is set'}</Fact>
          </Part>
          <Part title="How long things last">
            <Fact name="A key">{span(data.keyLifeSeconds)}</Fact>
            <Fact name="An old key, once renewed">{span(data.renewalOverlapSeconds)}</Fact>
            <Fact name="An enrollment token">{span(data.enrollmentTokenLifeSeconds)}</Fact>
            <Fact name="An access token">{span(data.accessTokenLifeSeconds)}</Fact>
            <Fact name="A sign-in with a token">{span(data.sessionLifeSeconds)}</Fact>
          </Part>
          <Part title="You">
            {person?.email && <Fact name="E-mail address">{person.email}</Fact>}
            {person && <Fact name={`Known at ${person.issuer} as`}>{person.subject}</Fact>}
            <Fact name="Role">{role}</Fact>
            <Fact name="Projects">{projects === undefined ? 'all' : projects.join(', ')}</Fact>
            {expiresAt !== undefined && <Fact name="Signed in until">{exactTime(expiresAt)}</Fact>}
          </Part>
          <Text size="sm" c="dimmed">
            They are set where the control plane is started, by its file or environment.
          </Text>
        </Stack>
      )}
    </Page>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="panel padded">
      <Title order={2} size="h5" mb="sm">
        {title}
      </Title>
      <dl className="facts">{children}</dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
