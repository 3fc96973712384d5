import type { CheckedRequest } from '../contract.ts';

/** Texts that a parser of credentials or names could trip over. */
const TEXTS = [
  '',
  ' ',
  '\0',
  '\u2028',
  '\ud800',
  'ｓhop,edge-1,key',
  '.',
  '..',
  '...',
  ',',
  ',,',
  ',,,',
  ';',
  '"',
  '%00',
  '{}',
  'null',
  '__proto__',
  '__proto__,constructor,toString',
  '__proto__.constructor.toString',
  '../../etc/passwd',
  "' OR 1=1 --",
  'e30.e30.',
  'e30.e30.e30',
  'eyJhbGciOiJub25lIn0.e30.',
  'W10.W10.AAAA',
  `${'['.repeat(5000)}`,
  `${'eyJ'.repeat(2000)}.e30.AAAA`,
  'a'.repeat(100_000),
  `${'a,'.repeat(3000)}`,
];

/** Requests that nobody should vouch for: made-up credentials and names, and changed copies of a good request. */
export function* hostileRequests(good: CheckedRequest): Generator<CheckedRequest> {
  const { address } = good.peer;
  const bare: CheckedRequest = { ...good, headers: {}, peer: { address } };
  for (const text of TEXTS) {
    for (const authorization of [text, `Bearer ${text}`, `bearer\t${text}`]) {
      yield { ...bare, headers: { authorization } };
    }
    yield { ...bare, headers: { authorization: [] } };
    yield { ...bare, headers: { authorization: [`Bearer ${text}`, text] } };
    yield { ...bare, peer: { address: text, certificate: { principal: text, thumbprint: text } } };
  }
  const { authorization } = good.headers;
  if (typeof authorization === 'string') {
    const from = authorization.indexOf(' ') + 1;
    for (const changed of changedCopies(authorization, from)) yield { ...good, headers: { authorization: changed } };
  }
  const principal = good.peer.certificate?.principal;
  if (authorization === undefined && principal !== undefined) {
    for (const changed of changedCopies(principal, 0)) {
      yield { ...good, peer: { address, certificate: { principal: changed } } };
    }
  }
}

/** Copies that lack, repeat or mistake something at or behind `from`; the same ones each time. */
function* changedCopies(text: string, from: number): Generator<string> {
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed % below;
  };
  for (let made = 0; made < 40; made++) {
    const at = from + random(text.length - from);
    const [before, character, after] = [text.slice(0, at), text[at], text.slice(at + 1)];
    const copies = [before, before + after, `${before}${character}${character}${after}`, `${before}\0${after}`];
    const copy = copies[random(copies.length)] as string;
    if (copy !== text) yield copy;
  }
}
