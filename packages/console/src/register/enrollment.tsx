import { Alert, Code, Group, Stack, Tabs, Text } from '@mantine/core';
import type { EnrollmentToken } from '../api/types.ts';
import { fromNow, useNow } from '../format/time.tsx';
import { Copy } from '../shell/copy.tsx';
import { COMMANDS } from './commands.ts';
import { Progress } from './progress.tsx';

export interface EnrollmentProps {
  readonly project: string;
  readonly piped: string;
  readonly token: EnrollmentToken;
  readonly controlPlane: string;
}

/** A one-time token, what to do with it, and what has come of it. */
export function Enrollment({ project, piped, token, controlPlane }: EnrollmentProps) {
  const { enrollmentToken, enrollmentTokenExpiresAt } = token;
  const now = useNow();
  const isOver = enrollmentTokenExpiresAt <= now;
  return (
    <Stack>
      <Alert color={isOver ? 'red' : 'yellow'} p="sm">
        {isOver
          ? 'The token has ended: make another one.'
          : `The token is shown once, enrolls one key, and ends ${fromNow(enrollmentTokenExpiresAt, now)}.`}
      </Alert>
      <Group gap="xs" align="center">
        <Code data-testid="enrollment-token" className="token">
          {enrollmentToken}
        </Code>
        <Copy text={enrollmentToken} what="the token" />
      </Group>
      <Tabs defaultValue={COMMANDS[0]?.name ?? null}>
        <Tabs.List aria-label="How to enroll">
          {COMMANDS.map(({ name }) => (
            <Tabs.Tab key={name} value={name}>
              {name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {COMMANDS.map(({ name, hint, text }) => {
          const command = text({ project, piped, token: enrollmentToken, controlPlane });
          return (
            <Tabs.Panel key={name} value={name} pt="sm">
              <Group justify="space-between" mb="xs" wrap="nowrap" align="start">
                <Text size="sm" c="dimmed">
                  {hint}
                </Text>
                <Copy text={command} what={`the commands for ${name}`} />
              </Group>
              <Code block tabIndex={0}>
                {command}
              </Code>
            </Tabs.Panel>
          );
        })}
      </Tabs>
      <Progress project={project} piped={piped} since={enrollmentTokenExpiresAt} />
    </Stack>
  );
}
