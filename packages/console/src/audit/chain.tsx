import { Button, Group, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useCaller } from '../session/caller.ts';
import { verifyChain } from './verify-chain.ts';

/** Goes through the chain of hashes in this browser: what the control plane says is not believed. */
export function Chain() {
  const { projects } = useCaller();
  const check = useMutation({ mutationFn: verifyChain });
  if (projects !== undefined) return null;
  const { data, error } = check;
  return (
    <Group gap="sm">
      <Text size="sm" role="status" c={error || data?.brokenAt !== undefined ? 'red' : 'dimmed'}>
        {error?.message}
        {data &&
          (data.brokenAt === undefined
            ? `All ${data.rows} rows hang together.`
            : `The chain is broken at row ${data.brokenAt}.`)}
      </Text>
      <Button variant="default" loading={check.isPending} onClick={() => check.mutate()}>
        Verify the chain
      </Button>
    </Group>
  );
}
