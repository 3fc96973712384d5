import { createContext, useContext } from 'react';
import type { Person, Session } from '../api/types.ts';

export const CallerContext = createContext<Session | undefined>(undefined);

/** Who is signed in. */
export function useCaller(): Session {
  const caller = useContext(CallerContext);
  if (caller === undefined) throw new Error('nobody is signed in here');
  return caller;
}

/** What to call somebody: by what others know of him too, where that is known. */
export function nameOf({ email, subject }: Person): string {
  return email ?? subject;
}

/** Whether buttons that change something are shown; the control plane decides all the same. */
export function useMayWrite(): boolean {
  return useCaller().role !== 'viewer';
}
