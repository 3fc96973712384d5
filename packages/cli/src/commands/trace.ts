import { Command, InvalidArgumentError, Option } from 'commander';
import { Failure, wrongUsage } from '../failure.ts';
import { type Io, printResult } from '../io.ts';
import { type Paint, paintFor } from '../output/colour.ts';
import { clip, table } from '../output/table.ts';
import { time } from '../output/time.ts';
import { duration, waterfall } from '../output/waterfall.ts';
import { type DeploymentSummary, identityOf, summaryOf } from '../trace/deployment.ts';
import { type JaegerTrace, queryJaeger } from '../trace/jaeger-client.ts';
import { toSpans } from '../trace/to-spans.ts';
import { examples, id, type JsonOption, withJson } from './options.ts';

interface TraceFlags extends JsonOption {
  readonly jaeger?: string;
  readonly project?: string;
}

interface ListFlags extends TraceFlags {
  readonly service: string;
  readonly limit: number;
  readonly since: number;
}

const DEFAULT_JAEGER = 'http://127.0.0.1:9464';
const MAX_LIMIT = 1_500;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BAR_WIDTH = 24;

/** `spanpass trace`: looks at deployments in any backend that speaks Jaeger's query API. */
export function traceCommand(io: Io): Command {
  return withJaeger(new Command('trace'))
    .argument('<id>', 'of a deployment, or of a trace (32 hex digits)')
    .description('show the waterfall of a deployment')
    .addCommand(listCommand(io))
    .addHelpText('after', examples('spanpass trace d-2041', 'spanpass trace d-2041 --jaeger http://127.0.0.1:16686'))
    .action(async (wanted: string, flags: TraceFlags) => {
      const traces = (await find(io, flags, wanted)).filter(trace => isOf(trace, flags.project));
      if (traces.length === 0) {
        throw new Failure(`no trace of '${clip(wanted, 64)}' at ${jaegerOf(io, flags)} (see: spanpass trace list)`);
      }
      const shown = traces.map(trace => ({ ...summaryOf(trace), items: spansAsJson(trace) }));
      const paint = paintFor(io.stdout, io.env);
      const { columns } = io.stdout;
      await printResult(io, flags.json, { traces: shown }, () =>
        traces
          .map(trace => {
            const spans = toSpans(trace);
            const width = columns === undefined ? {} : { width: Math.min(columns, 160) };
            return `${titleOf(summaryOf(trace), paint)}\n${waterfall({ spans }, { paint, ...width })}`;
          })
          .join('\n'),
      );
    });
}

function listCommand(io: Io): Command {
  return (
    withJaeger(new Command('list'))
      .description('show how long recent deployments took, and which failed')
      .option('--service <name>', 'that the pipeds call themselves', 'piped')
      .addOption(new Option('--limit <count>', 'of deployments').default(20).argParser(limitOf))
      .addOption(
        new Option('--since <time>', 'how far back, such as 30m, 12h, 7d, or a date')
          .default(UNIT_MS.d, '1d')
          .argParser(agoMs),
      )
      .addHelpText('after', examples('spanpass trace list --project shop --since 2h --limit 50'))
      // The command above has flags of the same names, which take what is before the word "list".
      .action(async (_: unknown, command: Command) => {
        const flags = command.optsWithGlobals<ListFlags>();
        const nowMs = Date.now();
        const query = new URLSearchParams({
          service: flags.service,
          limit: String(flags.limit),
          start: String((nowMs - flags.since) * 1_000),
          end: String(nowMs * 1_000),
          lookback: 'custom',
          ...(flags.project !== undefined && { tags: JSON.stringify({ 'project-id': flags.project }) }),
        });
        const traces = await queryJaeger({ baseUrl: jaegerOf(io, flags), stop: io.stop }, `?${query}`);
        const deployments = traces
          .filter(trace => trace.spans.length > 0 && isOf(trace, flags.project))
          .map(summaryOf)
          .filter(({ startedAt }) => Date.parse(startedAt) >= nowMs - flags.since)
          .sort((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt))
          .slice(-flags.limit);
        await printResult(io, flags.json, { deployments }, () => listed(deployments, paintFor(io.stdout, io.env)));
      })
  );
}

function withJaeger(command: Command): Command {
  return withJson(command)
    .option(
      '--jaeger <url>',
      `a query API of Jaeger's (default: SPANPASS_JAEGER, or ${DEFAULT_JAEGER}, that of spanpass up)`,
    )
    .addOption(new Option('--project <id>', 'only what this project sent').argParser(id));
}

/** A deployment's id may look like that of a trace. */
async function find(io: Io, flags: TraceFlags, wanted: string): Promise<JaegerTrace[]> {
  const { traceIdOf } = await import('@spanpass/tracing');
  const options = { baseUrl: jaegerOf(io, flags), stop: io.stop };
  const asTrace = /^[0-9a-f]{32}$/i.test(wanted) ? await queryJaeger(options, `/${wanted.toLowerCase()}`) : [];
  return asTrace.length > 0 ? asTrace : queryJaeger(options, `/${traceIdOf(wanted)}`);
}

function isOf(trace: JaegerTrace, project: string | undefined): boolean {
  return project === undefined || identityOf(trace, 'project-id') === project;
}

function titleOf(deployment: DeploymentSummary, paint: Paint): string {
  const { deploymentId, traceId, project, piped, startedAt, outcome, result } = deployment;
  const who = [deploymentId || traceId, project && `of ${project}`, piped && `by ${piped}`].filter(Boolean).join(' ');
  return `${clip(who, 200)}, ${time(startedAt)}, ${painted(outcome, result || outcome, paint)}`;
}

function listed(deployments: readonly DeploymentSummary[], paint: Paint): string {
  if (deployments.length === 0) return 'No deployments.\n';
  const longestMs = Math.max(...deployments.map(({ durationMs }) => durationMs), 1);
  const rows = deployments.map(({ durationMs, ...deployment }) => [
    SIGNS[deployment.outcome],
    time(deployment.startedAt),
    duration(BigInt(Math.round(durationMs * 1e6))),
    '█'.repeat(Math.max(1, Math.round((durationMs / longestMs) * BAR_WIDTH))),
    deployment.deploymentId || deployment.traceId,
    deployment.application,
    `${deployment.project}/${deployment.piped}`,
    deployment.result || deployment.outcome,
  ]);
  const text = table(['', 'STARTED', 'TOOK', '', 'DEPLOYMENT', 'APPLICATION', 'PIPED', 'RESULT'], rows);
  return text.replace(/^✗.*$/gmu, line => paint('red', line));
}

const SIGNS = { success: '✓', failed: '✗', running: '…' } as const;

function painted(outcome: DeploymentSummary['outcome'], text: string, paint: Paint): string {
  const style = { success: 'green', failed: 'red', running: 'cyan' } as const;
  return paint(style[outcome], text);
}

function spansAsJson(trace: JaegerTrace) {
  return toSpans(trace).map(({ span }) => ({
    spanId: Buffer.from(span.spanId).toString('hex'),
    parentSpanId: Buffer.from(span.parentSpanId).toString('hex'),
    name: span.name,
    startedAt: new Date(Number(span.startTimeUnixNano / 1_000_000n)).toISOString(),
    durationMs: Number(span.endTimeUnixNano - span.startTimeUnixNano) / 1e6,
    status: ['unset', 'ok', 'error'][span.status?.code ?? 0],
    message: span.status?.message ?? '',
  }));
}

function jaegerOf({ env }: Io, { jaeger }: TraceFlags): string {
  const url = jaeger ?? (env.SPANPASS_JAEGER || DEFAULT_JAEGER);
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw wrongUsage(`--jaeger: '${url}' is no http:// or https:// URL`);
}

function limitOf(text: string): number {
  const number = Number(text);
  if (!/^\d{1,4}$/.test(text) || number < 1 || number > MAX_LIMIT) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_LIMIT}.`);
  }
  return number;
}

function agoMs(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ms = count === undefined ? Date.now() - Date.parse(text) : Number(count) * (UNIT_MS[unit] ?? 0);
  if (!(ms > 0)) throw new InvalidArgumentError('It must be such as 30m, 12h, 7d, or a date in the past.');
  return Math.ceil(ms);
}
