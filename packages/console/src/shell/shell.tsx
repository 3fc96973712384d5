import {
  ActionIcon,
  Alert,
  Anchor,
  Button,
  Group,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import { IconLogout, IconMoon, IconSun } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useLocation } from 'wouter';
import { remove } from '../api/call.ts';
import { nameOf, useCaller } from '../session/caller.ts';
import { Brand } from './brand.tsx';

const PAGES = [
  { path: '/', label: 'Pipeds', owners: false },
  { path: '/deployments', label: 'Deployments', owners: false },
  { path: '/projects', label: 'Projects', owners: false },
  { path: '/audit', label: 'Audit', owners: false },
  { path: '/tokens', label: 'Tokens', owners: true },
  { path: '/settings', label: 'Settings', owners: false },
] as const;

export function Shell({ isLost, children }: { isLost: boolean; children: ReactNode }) {
  const [location] = useLocation();
  const { role, person } = useCaller();
  const isHere = (path: string) =>
    path === '/' ? location === '/' || location.startsWith('/pipeds') : location.startsWith(path);
  return (
    <>
      <Anchor className="skip" href="#main" onClick={skip}>
        To the content
      </Anchor>
      <header className="header">
        <div className="header-row">
          <Brand />
          <nav className="nav" aria-label="Pages">
            {PAGES.filter(({ owners }) => !owners || role === 'owner').map(({ path, label }) => (
              <a key={path} href={`#${path}`} aria-current={isHere(path) ? 'page' : undefined}>
                {label}
              </a>
            ))}
          </nav>
          <Group gap="xs" ml="auto" wrap="nowrap">
            <Text size="sm" c="dimmed" className="who" title={person && `${role}, ${nameOf(person)}`}>
              {person ? nameOf(person) : role}
            </Text>
            <SchemeButton />
            <SignOut />
          </Group>
        </div>
      </header>
      <main className="main" id="main" tabIndex={-1}>
        {isLost && (
          <Alert color="red" mb="md" role="alert">
            The control plane does not answer. What you see may be old.
          </Alert>
        )}
        {children}
      </main>
    </>
  );
}

function skip(event: { preventDefault(): void }) {
  // The hash is the page's address.
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function SchemeButton() {
  const { setColorScheme } = useMantineColorScheme();
  const next = useComputedColorScheme('light') === 'dark' ? 'light' : 'dark';
  const Icon = next === 'dark' ? IconMoon : IconSun;
  return (
    <ActionIcon variant="default" size="lg" onClick={() => setColorScheme(next)} aria-label={`Use ${next} colours`}>
      <Icon size={18} aria-hidden />
    </ActionIcon>
  );
}

function SignOut() {
  const client = useQueryClient();
  const out = useMutation({
    mutationFn: () => remove('/v1/session'),
    onSuccess: () => client.resetQueries({ queryKey: ['session'] }),
  });
  return (
    <Button
      variant="default"
      size="compact-sm"
      h={34}
      leftSection={<IconLogout size={16} aria-hidden />}
      loading={out.isPending}
      onClick={() => out.mutate()}
    >
      Sign out
    </Button>
  );
}
