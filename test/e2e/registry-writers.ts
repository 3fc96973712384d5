import { setTimeout as sleep } from 'node:timers/promises';

/** What a writer did with a piped, in this order, and what each of it leaves behind if it was written. */
export const STEPS = {
  register: { audit: ['piped.registered', 'enrollment_token.created'], change: 'piped active' },
  generate: { audit: ['key.generated'], change: 'key active' },
  disable: { audit: ['piped.disabled'], change: 'piped disabled' },
  enable: { audit: ['piped.enabled'], change: 'piped active' },
  revoke: { audit: ['key.revoked'], change: 'key revoked' },
} as const;

export type StepName = keyof typeof STEPS;

export interface WrittenPiped {
  readonly piped: string;
  /** Those that were answered with a success. */
  readonly acknowledged: StepName[];
  /** What was asked after these and not answered so: written or not, nobody knows. */
  unanswered: StepName | undefined;
  kid: string | undefined;
}

export interface Writers {
  readonly pipeds: readonly WrittenPiped[];
  /** Acknowledged so far. */
  readonly count: number;
  /** Lets them finish what they are about. */
  stop(): Promise<void>;
}

export interface WritersOptions {
  /** Asked before each call, so that they can be sent elsewhere. */
  readonly url: () => string;
  readonly token: string;
  /** It is there. */
  readonly project: string;
  readonly lanes?: number;
  /** Begins the names of the pipeds. */
  readonly name?: string;
}

/** Writes as fast as it is answered, on several lanes, through whatever happens to those who answer. */
export function startWriters({ url, token, project, lanes = 6, name = 'p' }: WritersOptions): Writers {
  const pipeds: WrittenPiped[] = [];
  let stopped = false;
  let count = 0;

  /** Undefined if nothing is known of what became of it. */
  async function post(path: string, body: unknown = {}): Promise<Record<string, unknown> | undefined> {
    while (!stopped) {
      try {
        const response = await fetch(url() + path, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(20_000),
        });
        const answer = (await response.json()) as Record<string, unknown>;
        if (response.ok) return answer;
        if (response.status !== 429 && response.status !== 503) throw new Error(`${path}: ${JSON.stringify(answer)}`);
        if (response.status === 503) return undefined;
      } catch (error) {
        const { cause } = error as { cause?: { code?: string } };
        if (cause === undefined && !(error instanceof DOMException)) throw error;
        if (cause?.code !== 'ECONNREFUSED') return undefined;
      }
      // Nobody has taken it in.
      await sleep(50);
    }
    return undefined;
  }

  async function lane(at: number): Promise<void> {
    for (let n = 0; !stopped; n++) {
      const one: WrittenPiped = {
        piped: `${name}-${at}-${n}`,
        acknowledged: [],
        unanswered: undefined,
        kid: undefined,
      };
      pipeds.push(one);
      const path = `/v1/projects/${project}/pipeds/${one.piped}`;
      const calls: Record<StepName, () => ReturnType<typeof post>> = {
        register: () => post(`/v1/projects/${project}/pipeds`, { piped: one.piped }),
        generate: () => post(`${path}/keys`, { generate: true }),
        disable: () => post(`${path}/disable`),
        enable: () => post(`${path}/enable`),
        revoke: () => post(`/v1/keys/${one.kid}/revoke?force=true`),
      };
      for (const step of Object.keys(STEPS) as StepName[]) {
        one.unanswered = step;
        const answer = await calls[step]();
        if (answer === undefined) break;
        one.unanswered = undefined;
        one.acknowledged.push(step);
        count++;
        if (step === 'generate') one.kid = (answer.record as { kid: string }).kid;
      }
      if (one.unanswered) await sleep(50);
    }
  }

  const running = Promise.all(Array.from({ length: lanes }, (_, at) => lane(at)));
  // Told by `stop`.
  running.catch(() => {});
  return {
    pipeds,
    get count() {
      return count;
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}
