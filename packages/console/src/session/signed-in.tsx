import { VisuallyHidden } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { hasCode } from '../api/call.ts';
import { useSession } from '../api/queries.ts';
import { Pages } from '../pages.tsx';
import { Awaited } from '../shell/page.tsx';
import { Shell } from '../shell/shell.tsx';
import { CallerContext } from './caller.ts';
import { SignIn } from './sign-in.tsx';

/** The pages for whoever is signed in, and the way in for everybody else. */
export function SignedIn() {
  const { data, error, isPending } = useSession();
  const client = useQueryClient();
  const isOut = hasCode(error, 'unauthenticated');
  // What the last one saw is not for the next one.
  useEffect(() => {
    if (isOut) client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
  }, [isOut, client]);

  if (isOut) return <SignIn />;
  if (data !== undefined) {
    return (
      <CallerContext value={data}>
        <Shell isLost={error !== null}>
          <Pages />
        </Shell>
      </CallerContext>
    );
  }
  return (
    <main className="main">
      <VisuallyHidden>
        <h1>spanpass</h1>
      </VisuallyHidden>
      <Awaited error={isPending ? null : error} what="who is signed in" />
    </main>
  );
}
