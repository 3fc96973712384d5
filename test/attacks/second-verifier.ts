import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { CLOCK_SKEW_SECONDS, DEFAULT_GATEWAY_AUDIENCE, type KeyRecord } from '@spanpass/credential';

const script = fileURLToPath(new URL('./second_verifier.py', import.meta.url));

/** What PyJWT, with the registry's keys, says of each token: `accepted`, or the name of the exception that refused it. */
export async function askPyjwt(
  python: string,
  records: ReadonlyMap<string, KeyRecord>,
  tokens: readonly string[],
): Promise<readonly string[]> {
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'], timeout: 60_000 });
  const ended = once(child, 'close');
  const question = { audience: DEFAULT_GATEWAY_AUDIENCE, leewaySeconds: CLOCK_SKEW_SECONDS, tokens };
  child.stdin.end(JSON.stringify({ ...question, records: Object.fromEntries(records) }));
  const answer = await text(child.stdout);
  await ended;
  return JSON.parse(answer) as string[];
}

/**
 * What PyJWT 2.15 accepts though spanpass refuses it, and why that is no mistake of either: the titles of all such rows of
 * the hostile table. What is in no list here, both refuse.
 */
export const ACCEPTED_BY_PYJWT: readonly { readonly why: string; readonly titles: readonly string[] }[] = [
  {
    why: 'it never looks for a key in the header, and leaves a key that somebody brings where it is',
    titles: [
      'jwk {"kty":"oct","k":"AAAA"}',
      'jku "https://attacker.example/jwks.json"',
      'x5u "https://attacker.example/chain.pem"',
      'x5c ["MIIBszCCAVmgAwIBAgIUB"]',
    ],
  },
  {
    why: 'it passes over header members that a JWS must not need: they are not in crit, and change nothing there',
    titles: ['b64 true', 'zip "DEF"', 'enc "A256GCM"', 'cty: a nested JWT', 'a member that nobody knows'],
  },
  {
    why: 'typ is for its caller to judge (RFC 8725 section 3.11 is a rule of the application)',
    titles: [
      'typ "JWT"',
      'typ "jwt"',
      'typ "application/piped+jwt"',
      'typ "PIPED+JWT"',
      'typ "piped-renew+jwt"',
      'typ "client-authentication+jwt"',
      'typ "piped-possession+jwt"',
      'typ "at+jwt"',
      'typ ""',
      'typ absent',
      'typ null',
      'typ 1',
      'typ ["piped+jwt"]',
    ],
  },
  {
    why: "Python's json takes the last of two equal members, which RFC 7519 section 4 allows; the rows put the lie first",
    titles: [
      'alg named twice',
      'kid named twice, once behind an escape',
      'sub named twice',
      'exp named twice',
      'project named twice',
      'aud named twice',
      'project named twice, once behind an escape',
    ],
  },
  {
    why: "Python's base64 passes over padding, and its json guesses UTF-16",
    titles: ['padding behind the signature', 'claims that are UTF-16'],
  },
  {
    why: 'it converts times with int(), and bounds neither their size nor the life of a token',
    titles: [
      'iat as a string',
      'exp as a string',
      'nbf as a string',
      'exp 1e17',
      'good for a year',
      'good for 901 seconds',
      'postdated to live longer',
      'exp = iat',
      'exp before iat',
    ],
  },
  {
    why: 'the project is a claim of ours, which it hands on as it is',
    titles: [
      "another project's id",
      'a project that looks alike',
      'a project with a null byte',
      'the project in other letter case',
    ],
  },
  {
    why: 'one audience of several is enough for it, as RFC 7519 section 4.1.3 has it',
    titles: ['this aud and another one'],
  },
];
