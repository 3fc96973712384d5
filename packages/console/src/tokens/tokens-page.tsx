import { Badge, Button, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { post } from '../api/call.ts';
import { useTokens } from '../api/queries.ts';
import type { Token } from '../api/types.ts';
import { When } from '../format/time.tsx';
import { useCaller } from '../session/caller.ts';
import { Confirm } from '../shell/confirm.tsx';
import { Awaited, Page } from '../shell/page.tsx';
import { Scroll } from '../shell/scroll.tsx';
import { CreateToken } from './create-token.tsx';

const COLOURS = { active: 'green', expired: 'gray', revoked: 'red' } as const;

export function TokensPage() {
  const { data, error } = useTokens();
  const { tokenId } = useCaller();
  const [isCreating, setCreating] = useState(false);
  const [revoked, setRevoked] = useState<Token>();
  return (
    <Page title="Tokens" side={<Button onClick={() => setCreating(true)}>Make a token</Button>}>
      {data === undefined ? (
        <Awaited error={error} what="tokens" />
      ) : (
        <Scroll label="Tokens">
          <table className="long" aria-label="Tokens">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Role</th>
                <th scope="col">State</th>
                <th scope="col">Ends</th>
                <th scope="col">Last used</th>
                <th scope="col">Action</th>
              </tr>
            </thead>
            <tbody>
              {[...data.items].reverse().map(token => (
                <tr key={token.id}>
                  <td>
                    <Text fw={600} size="sm">
                      {token.name}
                    </Text>
                    <Text size="xs" c="dimmed" title={token.id}>
                      {token.id.slice(0, 8)}…{token.id === tokenId && ', yours'}
                    </Text>
                  </td>
                  <td>
                    {token.role}
                    {token.projects && (
                      <Text size="xs" c="dimmed">
                        {token.projects.join(', ')}
                      </Text>
                    )}
                  </td>
                  <td>
                    <Badge color={COLOURS[token.tokenState]} variant="light" tt="none" radius="sm">
                      {token.tokenState}
                    </Badge>
                  </td>
                  <td>{token.expiresAt === undefined ? 'never' : <When at={token.expiresAt} />}</td>
                  <td>{token.lastUsedAt === undefined ? 'never' : <When at={token.lastUsedAt} />}</td>
                  <td>
                    {token.settled ? (
                      <Text size="xs" c="dimmed">
                        given at the start
                      </Text>
                    ) : (
                      token.tokenState === 'active' && (
                        <Button
                          size="compact-sm"
                          variant="outline"
                          color="red"
                          aria-label={`Revoke the token ${token.name}`}
                          onClick={() => setRevoked(token)}
                        >
                          Revoke
                        </Button>
                      )
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {isCreating && <CreateToken onClose={() => setCreating(false)} />}
      {revoked && <RevokeToken token={revoked} isOwn={revoked.id === tokenId} onClose={() => setRevoked(undefined)} />}
    </Page>
  );
}

function RevokeToken({ token, isOwn, onClose }: { token: Token; isOwn: boolean; onClose: () => void }) {
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => post(`/v1/tokens/${token.id}/revoke`),
    onSuccess: () => {
      notifications.show({ message: `The token ${token.name} is revoked.` });
      void client.invalidateQueries();
      onClose();
    },
  });
  return (
    <Confirm
      title={`Revoke the token ${token.name}?`}
      action="Revoke for good"
      isDangerous
      isPending={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate()}
      onClose={onClose}
    >
      <Text size="sm">
        Whoever calls with it is refused within a second, and whoever signed in with it is signed out. It can’t be
        undone.
        {isOwn && ' It is the one that you are signed in with.'}
      </Text>
    </Confirm>
  );
}
