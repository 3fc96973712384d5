/** Runs a statement, and gives its rows. */
export type Execute = (sql: string, parameters?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>;

const PER_PROJECT = 1_000;
/** So that no transaction of the filling grows without bound. */
const BATCH = 50_000;

/** base64url of bytes, in SQL. */
const base64url = (bytes: string) => `rtrim(translate(encode(${bytes}, 'base64'), E'+/\\n', '-_'), '=')`;
const coordinate = (axis: 'x' | 'y') => base64url(`sha256(convert_to('${axis}' || n, 'UTF8'))`);
/** RFC 7638: the members in this order, without a space. */
const THUMBPRINT = base64url(
  `sha256(convert_to('{"crv":"P-256","kty":"EC","x":"' || x || '","y":"' || y || '"}', 'UTF8'))`,
);

/**
 * Puts so many pipeds with a key each into a registry that is there, as if they had been registered one after the other:
 * each with its rows in the change feed and the audit left out. The kids are the thumbprints of the keys, and no two are
 * alike; the keys themselves are numbers of which nobody has a private half.
 */
export async function fillRegistry(execute: Execute, pipeds: number): Promise<void> {
  await execute('create table bench_keys (n int primary key, kid text not null)');
  await execute(
    `insert into projects (project, status, created_at, revision)
     select 'project-' || lpad(p::text, 4, '0'), 'active', now(), p + 1
     from generate_series(0, ($1::int - 1) / ${PER_PROJECT}) as p`,
    [pipeds],
  );
  for (let from = 0; from < pipeds; from += BATCH) {
    const to = Math.min(from + BATCH, pipeds) - 1;
    await execute(
      `with
         numbers as (
           select n, 'project-' || lpad((n / ${PER_PROJECT})::text, 4, '0') as project,
                  'piped-' || lpad((n % ${PER_PROJECT})::text, 4, '0') as piped
           from generate_series($1::int, $2::int) as n),
         coordinates as (select numbers.*, ${coordinate('x')} as x, ${coordinate('y')} as y from numbers),
         thumbprints as (select coordinates.*, ${THUMBPRINT} as kid from coordinates),
         noted as (insert into bench_keys select n, kid from thumbprints),
         registered as (
           insert into pipeds (project, piped, status, scopes, created_at, revision)
           select project, piped, 'active', '{traces,metrics,logs,profiles}', now(), 2 * n + 2000 from thumbprints)
       insert into keys (kid, project, piped, alg, public_jwk, status, not_before, not_after, created_at, revision)
       select kid, project, piped, 'ES256',
              jsonb_build_object('kty', 'EC', 'crv', 'P-256', 'x', x, 'y', y),
              'active', extract(epoch from now())::bigint - 60, extract(epoch from now())::bigint + 7776000,
              now(), 2 * n + 2001
       from thumbprints`,
      [from, to],
    );
  }
  await execute('delete from changes');
  await execute('update counter set revision = $1::bigint', [2 * pipeds + 2000]);
  await execute('analyze');
}

/** Kids of the registry, drawn at random, the same ones each time. */
export async function someKids(execute: Execute, count: number): Promise<readonly string[]> {
  const rows = await execute('select kid from bench_keys order by md5(n::text) limit $1::int', [count]);
  return rows.map(({ kid }) => String(kid));
}

export function pipedNumber(n: number): { readonly project: string; readonly piped: string } {
  const padded = (value: number) => String(value).padStart(4, '0');
  return { project: `project-${padded(Math.floor(n / PER_PROJECT))}`, piped: `piped-${padded(n % PER_PROJECT)}` };
}
