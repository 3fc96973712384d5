import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../durable/clock.ts';
import { errorCodeOf, removeFile } from '../durable/spool/files.ts';
import { Owners } from '../durable/spool/owners.ts';

/*
 * Names in the folder: `<uid>.<owner>.journal`, and `<trace id>.<owner>.suspended` for a deployment that its holder let
 * go of. Who owns a file is in its name, and `owners/` says which process that is: to take a file over is to rename it,
 * which only one process can. A file whose owner is gone is anyone's.
 */
const NAME = /^([0-9a-f]{16,32})\.([0-9a-f]{16})\.(journal|suspended)$/;
const DRAFT = /^[0-9a-f]{16,32}\.([0-9a-f]{16})\.(?:journal|suspended)\.tmp$/;
const OWNER = /^([0-9a-f]{16})\.owner$/;

export interface JournalName {
  readonly file: string;
  readonly uid: string;
  readonly owner: string;
  readonly kind: 'journal' | 'suspended';
}

/** A folder of journals, which several processes may share. */
export class JournalFolder {
  readonly #folder: string;
  readonly #ownersFolder: string;
  readonly #owners: Owners;

  /** @throws the file system's error, unless it is only that the disk is full. */
  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#ownersFolder = join(folder, 'owners');
    mkdirSync(this.#ownersFolder, { recursive: true, mode: 0o700 });
    this.#owners = new Owners(this.#ownersFolder, clock);
  }

  get ownPath(): string {
    return join(this.#folder, `${this.#owners.id}.${this.#owners.id}.journal`);
  }

  suspendedPath(traceId: string): string {
    return join(this.#folder, `${traceId}.${this.#owners.id}.suspended`);
  }

  pathOf(name: JournalName): string {
    return join(this.#folder, name.file);
  }

  /** What dead processes left. Removes what they left that is of no use. */
  left(): JournalName[] {
    const files = readdirSync(this.#folder);
    const names = namesOf(files);
    const dead = new Set([...new Set(names.map(name => name.owner))].filter(owner => this.#owners.isDead(owner)));
    for (const file of files) {
      const owner = DRAFT.exec(file)?.[1];
      if (owner !== undefined && this.#owners.isDead(owner)) removeFile(join(this.#folder, file));
    }
    this.#forgetOwnersBut(new Set(names.map(name => name.owner)));
    return names.filter(name => dead.has(name.owner));
  }

  /** Journals of processes that live, or may. */
  ofOthers(): JournalName[] {
    return namesOf(readdirSync(this.#folder)).filter(
      ({ owner, kind }) => owner !== this.#owners.id && kind === 'journal',
    );
  }

  suspended(traceId: string): JournalName[] {
    return namesOf(readdirSync(this.#folder)).filter(({ uid, kind }) => kind === 'suspended' && uid === traceId);
  }

  /** @returns its path from now on; undefined if another process was faster. @throws the file system's error */
  take({ file, uid }: JournalName): string | undefined {
    const path = join(this.#folder, `${uid}.${this.#owners.id}.journal`);
    try {
      renameSync(join(this.#folder, file), path);
      return path;
    } catch (error) {
      if (errorCodeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Out of the way of readers, but there for people to look at. */
  markDamaged({ file }: JournalName): void {
    renameSync(join(this.#folder, file), join(this.#folder, `${file}.damaged`));
  }

  beat(): void {
    this.#owners.beat();
  }

  /** What this process leaves is anyone's from now on. */
  resign(): void {
    this.#owners.resign();
  }

  #forgetOwnersBut(owning: ReadonlySet<string>): void {
    for (const file of readdirSync(this.#ownersFolder)) {
      const owner = OWNER.exec(file)?.[1];
      if (owner === undefined || owning.has(owner)) continue;
      if (this.#owners.isDead(owner)) this.#owners.forget(owner);
    }
  }
}

function namesOf(files: readonly string[]): JournalName[] {
  return files.flatMap(file => {
    const [, uid, owner, kind] = NAME.exec(file) ?? [];
    if (uid === undefined || owner === undefined) return [];
    return [{ file, uid, owner, kind: kind === 'suspended' ? 'suspended' : 'journal' }];
  });
}
