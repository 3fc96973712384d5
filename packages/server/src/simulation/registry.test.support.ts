import type { KeyRecord, Signal } from '@spanpass/credential';
import type { FleetKey } from './fleet.test.support.ts';

/** What is true at one revision: each registered key as the control plane knows it then. */
export interface Truth {
  readonly revision: number;
  /** When it came to be, and when it ceased to be: simulated milliseconds. */
  readonly from: number;
  until: number;
  readonly records: ReadonlyMap<string, KeyRecord>;
}

/** The control plane: all states that it ever was in, and the changes that led from each to the next. */
export class Registry {
  readonly #history: Truth[] = [
    { revision: 1, from: 0, until: Number.POSITIVE_INFINITY, records: new Map<string, KeyRecord>() },
  ];
  readonly #changes: { readonly revision: number; readonly data: string }[] = [];
  readonly #scopes = new Map<string, readonly Signal[]>();
  readonly #now: () => number;
  compactedUpTo = 0;
  onChange: () => void = () => {};

  constructor(now: () => number) {
    this.#now = now;
  }

  get current(): Truth {
    return this.#history.at(-1) as Truth;
  }

  /** All truths, oldest first. */
  get history(): readonly Truth[] {
    return this.#history;
  }

  /** The truth of that moment, which a copy that lags behind still shows. */
  at(moment: number): Truth {
    return this.#history.findLast(truth => truth.from <= moment) ?? (this.#history[0] as Truth);
  }

  changesSince(revision: number): readonly { readonly revision: number; readonly data: string }[] {
    return this.#changes.filter(change => change.revision > revision);
  }

  register({ kid, record }: FleetKey): void {
    if (this.current.records.has(kid)) return;
    const { project, piped } = record;
    const owned = [...this.current.records.values()];
    const sibling = owned.find(other => other.project === project && other.piped === piped);
    const cousin = owned.find(other => other.project === project);
    this.#write(revision => [
      {
        ...record,
        scopes: this.#scopes.get(piped) ?? record.scopes,
        pipedStatus: sibling?.pipedStatus ?? 'active',
        projectStatus: cousin?.projectStatus ?? 'active',
        revision,
      },
    ]);
  }

  changeKey(kid: string, change: (record: KeyRecord) => Partial<KeyRecord>): void {
    const record = this.current.records.get(kid);
    if (record !== undefined) this.#write(revision => [{ ...record, ...change(record), revision }]);
  }

  changePiped(project: string, piped: string, change: { pipedStatus?: KeyRecord['pipedStatus']; scopes?: Signal[] }) {
    const owned = [...this.current.records.values()].filter(one => one.project === project && one.piped === piped);
    const [any] = owned;
    if (any === undefined) return;
    if (change.scopes) this.#scopes.set(piped, change.scopes);
    const told = { pipedStatus: any.pipedStatus, scopes: any.scopes, ...change };
    this.#write(
      revision => owned.map(record => ({ ...record, ...change, revision })),
      revision => ({ revision, kind: 'piped', project, piped, ...told }),
    );
  }

  changeProject(project: string, projectStatus: KeyRecord['projectStatus']): void {
    const owned = [...this.current.records.values()].filter(record => record.project === project);
    this.#write(
      revision => owned.map(record => ({ ...record, projectStatus, revision })),
      revision => ({ revision, kind: 'project', project, projectStatus }),
    );
  }

  #write(
    change: (revision: number) => KeyRecord[],
    tell: (revision: number, records: KeyRecord[]) => object = (revision, [record]) => ({
      revision,
      kind: 'key',
      record,
    }),
  ): void {
    const { current } = this;
    const revision = current.revision + 1;
    const changed = change(revision);
    const records = new Map(current.records);
    for (const record of changed) records.set(record.kid, Object.freeze(record));
    current.until = this.#now();
    this.#history.push({ revision, from: this.#now(), until: Number.POSITIVE_INFINITY, records });
    this.#changes.push({ revision, data: JSON.stringify(tell(revision, changed)) });
    this.onChange();
  }
}
