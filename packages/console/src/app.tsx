import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { useState } from 'react';
import { Router } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { isRefused } from './api/call.ts';
import { SignedIn } from './session/signed-in.tsx';
import { theme } from './theme.ts';

export function App() {
  const [client] = useState(
    () =>
      new QueryClient({
        defaultOptions: {
          queries: {
            staleTime: 1000,
            // What was refused is refused again; what did not answer may.
            retry: (failures, error) => !isRefused(error) && failures < 2,
          },
        },
      }),
  );
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={client}>
        <Router hook={useHashLocation}>
          <Notifications position="bottom-right" limit={3} />
          <SignedIn />
        </Router>
      </QueryClientProvider>
    </MantineProvider>
  );
}
