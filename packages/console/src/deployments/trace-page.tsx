import { Anchor, Badge, Group, Stack, Text } from '@mantine/core';
import { useTrace } from '../api/queries.ts';
import { exactTime, milliseconds } from '../format/time.tsx';
import { Awaited, Page } from '../shell/page.tsx';
import { OUTCOME_COLOURS } from './deployments-page.tsx';
import { Waterfall } from './waterfall.tsx';

export default function TracePage({ traceId }: { traceId: string }) {
  const { data, error } = useTrace(traceId);
  const deployment = data?.deployment;
  return (
    <Page title={deployment ? deployment.application || deployment.name : 'Deployment'}>
      {data === undefined || deployment === undefined ? (
        <Awaited error={error} what="the deployment" />
      ) : (
        <Stack>
          <Group gap="lg">
            <Badge color={OUTCOME_COLOURS[deployment.outcome]} variant="light" size="lg" tt="none" radius="sm">
              {deployment.outcome}
            </Badge>
            <Text size="sm">
              {milliseconds(deployment.durationMs)}, from {exactTime(deployment.startedAtMs / 1000)}
            </Text>
            {deployment.project && deployment.piped && (
              <Anchor size="sm" href={`#/pipeds/${deployment.project}/${deployment.piped}`}>
                {deployment.project}/{deployment.piped}
              </Anchor>
            )}
            <Text size="sm" c="dimmed">
              {deployment.deploymentId}
            </Text>
          </Group>
          <Waterfall trace={data} />
          <Text size="sm">
            <Anchor href="#/deployments">All deployments</Anchor>
          </Text>
        </Stack>
      )}
    </Page>
  );
}
