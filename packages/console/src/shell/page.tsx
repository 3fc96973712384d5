import { Alert, Center, Group, Loader, Title } from '@mantine/core';
import { type ReactNode, useEffect, useRef } from 'react';

/** A page: its title is the window's, and where the keyboard and the screen reader go when it is opened. */
export function Page({ title, side, children }: { title: string; side?: ReactNode; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} – spanpass`;
    heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [title]);
  return (
    <>
      <Group justify="space-between" mb="md">
        <Title order={1} size="h2" ref={heading} tabIndex={-1}>
          {title}
        </Title>
        {side}
      </Group>
      {children}
    </>
  );
}

/** What stands in the place of something that is not there yet, or could not be had. */
export function Awaited({ error, what }: { error: Error | null; what: string }) {
  if (error !== null) {
    return (
      <Alert color="red" role="alert">
        {error.message}
      </Alert>
    );
  }
  return (
    <Center mih="8rem" role="status" aria-label={`Loading ${what}`}>
      <Loader aria-hidden />
    </Center>
  );
}
