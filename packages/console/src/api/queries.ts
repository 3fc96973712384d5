import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { get } from './call.ts';
import type {
  About,
  AuditRow,
  Deployment,
  Key,
  Page,
  Piped,
  Project,
  Session,
  Status,
  Token,
  Trace,
  WaysIn,
} from './types.ts';

/** What is looked at changes within this, without being asked for. */
const LIVE_MS = 2000;
const LIST_MS = 5000;
const PAGE = 200;

export function useSession() {
  return useQuery({
    queryKey: ['session'],
    queryFn: ({ signal }) => get<Session>('/v1/session', {}, signal),
    refetchInterval: 60_000,
  });
}

export function useWaysIn() {
  return useQuery({
    queryKey: ['session', 'ways-in'],
    queryFn: ({ signal }) => get<WaysIn>('/v1/sign-in', {}, signal),
    staleTime: 60_000,
  });
}

export function useAbout() {
  return useQuery({
    queryKey: ['about'],
    queryFn: ({ signal }) => get<About>('/v1/about', {}, signal),
    refetchInterval: LIST_MS,
  });
}

export function useProjects() {
  return useQuery({
    queryKey: ['projects'],
    queryFn: ({ signal }) => get<Page<Project>>('/v1/projects', {}, signal),
    refetchInterval: LIST_MS,
  });
}

export interface PipedFilter {
  readonly project: string;
  readonly status: Status | '';
  readonly search: string;
}

export function usePipeds(filter: PipedFilter) {
  return useInfiniteQuery({
    queryKey: ['pipeds', filter],
    queryFn: async ({ pageParam, signal }) => {
      let page: Page<Piped>;
      let after = pageParam;
      // A search looks at a part of a long list for each page, and may have found nothing there.
      do {
        page = await get<Page<Piped>>('/v1/pipeds', { ...filter, limit: PAGE, after }, signal);
        after = page.next;
      } while (page.items.length === 0 && after !== undefined);
      return page;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.next,
    placeholderData: keepPreviousData,
    // All pages that were scrolled through are asked for again: the more there are, the less often.
    refetchInterval: query => LIST_MS * Math.max(1, query.state.data?.pages.length ?? 1),
  });
}

/** Nothing, where there is no such piped. */
export function usePiped(project: string, piped: string) {
  return useQuery({
    queryKey: ['piped', project, piped],
    queryFn: async ({ signal }) => (await get<Page<Piped>>('/v1/pipeds', { project, piped }, signal)).items[0] ?? null,
    refetchInterval: LIVE_MS,
  });
}

export function useKeys(project: string, piped: string) {
  return useQuery({
    queryKey: ['keys', project, piped],
    queryFn: ({ signal }) => get<Page<Key>>(`/v1/projects/${project}/pipeds/${piped}/keys`, {}, signal),
    refetchInterval: LIVE_MS,
  });
}

export interface AuditFilter {
  readonly project?: string;
  readonly piped?: string;
  readonly action?: string;
  readonly from?: number | undefined;
  readonly until?: number | undefined;
}

export function useAudit(filter: AuditFilter) {
  return useInfiniteQuery({
    queryKey: ['audit', filter],
    queryFn: ({ pageParam, signal }) =>
      get<Page<AuditRow>>('/v1/audit', { ...filter, order: 'newest', limit: 100, after: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.next,
    placeholderData: keepPreviousData,
    refetchInterval: query => ((query.state.data?.pages.length ?? 1) > 1 ? false : LIST_MS),
  });
}

export function useTokens() {
  return useQuery({
    queryKey: ['tokens'],
    queryFn: ({ signal }) => get<Page<Token>>('/v1/tokens', {}, signal),
    refetchInterval: LIST_MS,
  });
}

export function useDeployments(sinceSeconds: number) {
  return useQuery({
    queryKey: ['deployments', sinceSeconds],
    queryFn: ({ signal }) => get<Page<Deployment>>('/v1/traces', { sinceSeconds, limit: 500 }, signal),
    placeholderData: keepPreviousData,
    refetchInterval: LIST_MS,
  });
}

/** The version of a piped, as its newest deployment of the last month says; nothing where deployments can't be asked for. */
export function useVersionOf(): (project: string, piped: string) => string | undefined {
  const { data: about } = useAbout();
  const { data } = useQuery({
    queryKey: ['versions'],
    queryFn: async ({ signal }) => {
      const query = { sinceSeconds: 30 * 86_400, limit: 500 };
      const { items } = await get<Page<Deployment>>('/v1/traces', query, signal);
      const known = items.filter(({ version }) => version !== '').sort((a, b) => a.startedAtMs - b.startedAtMs);
      return new Map(known.map(({ project, piped, version }) => [`${project}/${piped}`, version]));
    },
    enabled: about?.traces === true,
    refetchInterval: 30_000,
  });
  return (project, piped) => data?.get(`${project}/${piped}`);
}

export function useTrace(traceId: string) {
  return useQuery({
    queryKey: ['trace', traceId],
    queryFn: ({ signal }) => get<Trace>(`/v1/traces/${traceId}`, {}, signal),
    refetchInterval: query => (query.state.data?.deployment.outcome === 'running' ? LIVE_MS : false),
  });
}
