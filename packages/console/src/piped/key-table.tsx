import { Badge, Button, type ButtonProps, Code, Group, Text } from '@mantine/core';
import { useState } from 'react';
import type { Key, Piped } from '../api/types.ts';
import { useNow, When } from '../format/time.tsx';
import { useMayWrite } from '../session/caller.ts';
import { Scroll } from '../shell/scroll.tsx';
import { Renew } from './renew.tsx';
import { Revoke } from './revoke.tsx';

const COLOURS = { good: 'green', ended: 'gray', retired: 'gray', revoked: 'red' } as const;

export function KeyTable({ keys, piped }: { keys: readonly Key[]; piped: Piped }) {
  const [revoked, setRevoked] = useState<Key>();
  const [renewed, setRenewed] = useState<Key>();
  const mayWrite = useMayWrite();
  const now = useNow(5000);
  if (keys.length === 0) {
    return (
      <div className="panel">
        <Text p="md" size="sm">
          It has no key yet. It makes one when it enrolls, and only the public half of it leaves its machine.
        </Text>
      </div>
    );
  }
  const sorted = [...keys].sort((a, b) => b.notBefore - a.notBefore);
  return (
    <Scroll label="Keys">
      <table className="long" aria-labelledby="keys">
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col">State</th>
            <th scope="col">Made</th>
            <th scope="col">Ends</th>
            <th scope="col">Last used</th>
            {mayWrite && <th scope="col">Action</th>}
          </tr>
        </thead>
        <tbody>
          {sorted.map(key => {
            const state = key.keyStatus === 'active' ? (key.notAfter > now ? 'good' : 'ended') : key.keyStatus;
            return (
              <tr key={key.kid}>
                <td>
                  <Code title={key.kid}>{key.kid.slice(0, 12)}…</Code>{' '}
                  <Text size="xs" c="dimmed" span>
                    {key.alg}
                  </Text>
                </td>
                <td>
                  <Badge color={COLOURS[state]} variant="light" tt="none" radius="sm">
                    {state}
                  </Badge>
                </td>
                <td>
                  <When at={key.notBefore} />
                </td>
                <td>
                  <When at={key.notAfter} />
                </td>
                <td>{key.lastUsedAt === undefined ? 'never' : <When at={key.lastUsedAt} />}</td>
                {mayWrite && (
                  <td>
                    {state === 'good' && (
                      <Group gap="xs">
                        <KeyButton verb="Renew" target={key} variant="default" onChoose={setRenewed} />
                        <KeyButton verb="Revoke" target={key} variant="outline" color="red" onChoose={setRevoked} />
                      </Group>
                    )}
                  </td>
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
      {renewed && <Renew target={renewed} piped={piped} onClose={() => setRenewed(undefined)} />}
      {revoked && <Revoke target={revoked} piped={piped} onClose={() => setRevoked(undefined)} />}
    </Scroll>
  );
}

interface KeyButtonProps extends Pick<ButtonProps, 'variant' | 'color'> {
  readonly verb: string;
  readonly target: Key;
  onChoose(key: Key): void;
}

function KeyButton({ verb, target, onChoose, ...look }: KeyButtonProps) {
  const label = `${verb} the key ${target.kid.slice(0, 12)}`;
  return (
    <Button size="compact-sm" aria-label={label} onClick={() => onChoose(target)} {...look}>
      {verb}
    </Button>
  );
}
