import { vectors } from './files.ts';
import { expected, type Verdict } from './verify.ts';

type Verdicts = Readonly<Record<string, Readonly<Record<string, Verdict>>>>;

interface Titled {
  readonly title: string;
  readonly answer: string;
  readonly reason?: string;
}

const byTitle = (cases: readonly Titled[]) => Object.fromEntries(cases.map(each => [each.title, expected(each)]));

/** What an implementation in another language has to print for the vectors, by file and title. */
export function expectedVerdicts(): Verdicts {
  const message = { 'the pending key': 'accepted', 'the proof': 'accepted', 'the key file': 'accepted' };
  return {
    credentials: byTitle(vectors.credentials().cases),
    'hostile-credentials': byTitle(vectors.hostile().cases),
    possession: byTitle(vectors.possession().cases),
    'key-files': byTitle(vectors.keyFiles().cases),
    thumbprints: Object.fromEntries(vectors.thumbprints().cases.map(({ title, kid }) => [title, kid])),
    enrollment: message,
    renewal: { ...message, 'the credential of the current key': 'accepted' },
  };
}
