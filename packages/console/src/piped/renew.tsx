import { Code, Group, Modal, Stack, Text } from '@mantine/core';
import { useAbout } from '../api/queries.ts';
import type { Key, Piped } from '../api/types.ts';
import { fromNow, span, useNow } from '../format/time.tsx';
import { Progress } from '../register/progress.tsx';
import { Copy } from '../shell/copy.tsx';

/** The part of its life after which a piped renews a key by itself. */
const RENEWED_AFTER = 2 / 3;

export interface RenewProps {
  readonly target: Key;
  readonly piped: Piped;
  readonly onClose: () => void;
}

/** What renews a key, which only its piped can: the private half is there alone. */
export function Renew({ target, piped: { project, piped }, onClose }: RenewProps) {
  const { notBefore, notAfter, lastUsedAt } = target;
  const now = useNow();
  const { data: about } = useAbout();
  const byItself = notBefore + (notAfter - notBefore) * RENEWED_AFTER;
  const command = `npx spanpass renew --key-file ${piped}.json`;
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={`Renew a key of ${piped}`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Stack>
        <Text size="sm">
          The new key is made on the piped’s machine, and the private half stays there, so the piped itself has to renew
          it. It does so {byItself > now ? `by itself ${fromNow(byItself, now)}` : 'by itself, and should have by now'}.
          To have it renew at once, run this there:
        </Text>
        <Group justify="space-between" wrap="nowrap" align="start">
          <Code block tabIndex={0} flex="1 1 auto">
            {command}
          </Code>
          <Copy text={command} what="the command" />
        </Group>
        <Text size="sm">
          The old key, last used {lastUsedAt === undefined ? 'never, as far as is known' : fromNow(lastUsedAt, now)},
          stays good for {about ? span(about.renewalOverlapSeconds) : 'a while'} after that, and is retired once the new
          one has been seen.
        </Text>
        <Progress project={project} piped={piped} since={notBefore} what="renew" />
      </Stack>
    </Modal>
  );
}
