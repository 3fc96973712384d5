import type { DeploymentInfo, DeploymentTracingOptions, StageInfo, WorkOptions } from './api.ts';

const MAX_ID_CHARS = 256;
/** The longest delay that `setTimeout` keeps to. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const IDENTITY = /^[A-Za-z0-9._-]{1,64}$/;

export function checkOptions(options: DeploymentTracingOptions): void {
  for (const name of ['project', 'piped'] as const) {
    const value: unknown = options[name];
    if (typeof value !== 'string' || !IDENTITY.test(value)) {
      throw new TypeError(`${name} must match ${IDENTITY.source}`);
    }
  }
  checkText('version', options.version);
  if (!options.exporter && !options.spanProcessors?.length) {
    throw new TypeError('give an exporter or spanProcessors: without one, spans would go nowhere');
  }
}

export function checkDeployment(info: DeploymentInfo): void {
  checkText('deployment id', info.id);
  checkText('application.id', info.application?.id);
  checkText('application.kind', info.application.kind);
  if (info.startedAt !== undefined && !(info.startedAt instanceof Date && Number.isFinite(info.startedAt.getTime()))) {
    throw new TypeError('startedAt must be a valid Date');
  }
}

export function checkStage(stage: StageInfo): void {
  checkText('stage id', stage.id);
  checkText('stage name', stage.name);
}

export function checkWork({ timeoutMs }: WorkOptions): void {
  if (timeoutMs !== undefined) checkTimeout('timeoutMs', timeoutMs);
}

export function checkTimeout(name: string, timeoutMs: number): void {
  if (!(Number.isFinite(timeoutMs) && timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new TypeError(`${name} must be more than 0 and at most ${MAX_TIMEOUT_MS} milliseconds`);
  }
}

export function checkText(what: string, value: unknown): void {
  if (typeof value !== 'string' || value === '' || value.length > MAX_ID_CHARS) {
    throw new TypeError(`${what} must be a text of 1 to ${MAX_ID_CHARS} characters`);
  }
}
