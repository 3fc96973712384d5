import { useVersionOf } from '../api/queries.ts';

export function Version({ project, piped }: { project: string; piped: string }) {
  return useVersionOf()(project, piped) ?? 'not known';
}
