import type { DeploymentInfo, DeploymentTracingOptions, JournalOptions, StageInfo, WorkOptions } from './api.ts';

const MAX_ID_CHARS = 256;
/** The longest delay that `setTimeout` keeps to. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const MIN_JOURNAL_BYTES = 64 * 1024;
const MAX_JOURNAL_BYTES = 256 * 1024 * 1024;
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
  if (options.journal) checkJournal(options.journal);
}

function checkJournal({ folder, maxBytes = MIN_JOURNAL_BYTES, graceMs = 0 }: JournalOptions): void {
  if (typeof folder !== 'string' || folder === '') throw new TypeError('journal.folder must be a path');
  if (!Number.isInteger(maxBytes) || maxBytes < MIN_JOURNAL_BYTES || maxBytes > MAX_JOURNAL_BYTES) {
    throw new TypeError(`journal.maxBytes must be a whole number from ${MIN_JOURNAL_BYTES} to ${MAX_JOURNAL_BYTES}`);
  }
  if (!(graceMs >= 0 && graceMs <= MAX_TIMEOUT_MS)) {
    throw new TypeError(`journal.graceMs must be at least 0 and at most ${MAX_TIMEOUT_MS} milliseconds`);
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
