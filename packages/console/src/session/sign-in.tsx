import { Alert, Button, Code, Divider, Paper, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useEffect, useState } from 'react';
import { useHashLocation } from 'wouter/use-hash-location';
import { get, hasCode, post } from '../api/call.ts';
import { useWaysIn } from '../api/queries.ts';
import type { Session } from '../api/types.ts';
import { Brand } from '../shell/brand.tsx';
import { forgetRefusal, readRefusal } from './refused.ts';

export function SignIn() {
  const [token, setToken] = useState('');
  const [refused, setRefused] = useState(readRefusal);
  const [page] = useHashLocation();
  const { data: ways } = useWaysIn();
  const client = useQueryClient();
  const signIn = useMutation({
    mutationFn: async () => {
      await post<Session>('/v1/session', { token: token.trim() });
      return get<Session>('/v1/session').catch(error => {
        if (!hasCode(error, 'unauthenticated')) throw error;
        throw new Error('The browser keeps no session here: open this page over https, or on this machine itself.');
      });
    },
    onSuccess: session => client.setQueryData(['session'], session),
  });
  useEffect(() => {
    document.title = 'Sign in – spanpass';
    forgetRefusal();
  }, []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setRefused(undefined);
    signIn.mutate();
  };
  const failed = hasCode(signIn.error, 'unauthenticated')
    ? 'This token is not known, or it has ended.'
    : (signIn.error?.message ?? refused);
  return (
    <main className="sign-in">
      <Stack>
        <Brand />
        <Paper withBorder p="lg" radius="md" component="form" onSubmit={submit}>
          <Stack>
            <Title order={1} size="h3">
              Sign in
            </Title>
            {ways?.oidc && (
              <>
                <Button component="a" href={`/v1/session/oidc?to=${encodeURIComponent(page)}`} fullWidth>
                  Sign in with {ways.oidc.name}
                </Button>
                <Divider label="or" />
              </>
            )}
            <PasswordInput
              label="Admin token"
              description="It goes to the control plane once; this browser keeps a cookie that no script can read."
              value={token}
              onChange={event => setToken(event.currentTarget.value)}
              autoComplete="current-password"
              visibilityToggleButtonProps={{ 'aria-label': 'Show the token', tabIndex: 0 }}
              required
            />
            <div aria-live="polite">
              {failed && (
                <Alert color="red" p="sm">
                  {failed}
                </Alert>
              )}
            </div>
            <Button type="submit" variant={ways?.oidc ? 'default' : 'filled'} loading={signIn.isPending}>
              Sign in
            </Button>
          </Stack>
        </Paper>
        <Text size="sm" c="dimmed">
          The first token is in the file <Code>.spanpass/admin-token</Code> of the control plane. Tokens for others,
          that may less, are made with <Code>spanpass admin-token create</Code> or in here.
        </Text>
      </Stack>
    </main>
  );
}
