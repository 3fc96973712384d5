import type { KeyRecord } from '@spanpass/credential';
import type { Change } from '../changes.ts';

/**
 * Something that changed after a snapshot was signed: whoever it is about is not known from that snapshot any more. It
 * only ever takes records away, so it needs no signature.
 */
export type Strike = { readonly revision: number } & (
  | { readonly kind: 'key'; readonly kid: string }
  | { readonly kind: 'piped'; readonly project: string; readonly piped: string }
  | { readonly kind: 'project'; readonly project: string }
);

export function strikeOf(change: Change): Strike {
  const { revision } = change;
  switch (change.kind) {
    case 'key':
      return { kind: 'key', revision, kid: change.record.kid };
    case 'piped':
      return { kind: 'piped', revision, project: change.project, piped: change.piped };
    case 'project':
      return { kind: 'project', revision, project: change.project };
  }
}

/** One line, with its end. Ids and kids hold no space. */
export function formatStrike(strike: Strike): string {
  return `${strike.revision} ${strike.kind} ${namesOf(strike).join(' ')}\n`;
}

const LINE = /^(\d{1,15}) (?:(key) ([\w-]{43})|(piped) ([\w.-]{1,64}) ([\w.-]{1,64})|(project) ([\w.-]{1,64}))$/;

/** Reads what `formatStrike` wrote, without its end. */
export function parseStrike(line: string): Strike | undefined {
  const [, digits, key, kid = '', piped, ofProject = '', name = '', whole, project = ''] = LINE.exec(line) ?? [];
  const revision = Number(digits);
  if (key) return { kind: 'key', revision, kid };
  if (piped) return { kind: 'piped', revision, project: ofProject, piped: name };
  if (whole) return { kind: 'project', revision, project };
  return undefined;
}

/** Which strikes a set of records has something to do with. */
export class RecordIndex {
  readonly #names: ReadonlySet<string>;

  constructor(records: readonly KeyRecord[]) {
    this.#names = new Set(
      records.flatMap(({ kid, project, piped }) => [
        nameOf({ kind: 'key', revision: 0, kid }),
        nameOf({ kind: 'piped', revision: 0, project, piped }),
        nameOf({ kind: 'project', revision: 0, project }),
      ]),
    );
  }

  concerns(strike: Strike): boolean {
    return this.#names.has(nameOf(strike));
  }
}

/** The records that no strike is about. */
export function withoutStruck(records: readonly KeyRecord[], strikes: readonly Strike[]): KeyRecord[] {
  const struck = new Set(strikes.map(nameOf));
  return records.filter(({ kid, project, piped }) => {
    const names: Strike[] = [
      { kind: 'key', revision: 0, kid },
      { kind: 'piped', revision: 0, project, piped },
      { kind: 'project', revision: 0, project },
    ];
    return !names.some(name => struck.has(nameOf(name)));
  });
}

function namesOf(strike: Strike): readonly string[] {
  if (strike.kind === 'key') return [strike.kid];
  return strike.kind === 'piped' ? [strike.project, strike.piped] : [strike.project];
}

function nameOf(strike: Strike): string {
  return [strike.kind, ...namesOf(strike)].join(' ');
}
