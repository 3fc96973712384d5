import type { ListedPiped, Refusals } from '@spanpass/control-plane/client';
import { SIGNALS, type Signal } from '@spanpass/credential';
import { Argument, Command, Option } from 'commander';
import { connectAdmin } from '../admin/connect.ts';
import { type Io, printResult } from '../io.ts';
import { table } from '../output/table.ts';
import { time } from '../output/time.ts';
import { type AdminOptions, controlPlaneOf, examples, id, withAdmin, withPiped } from './options.ts';

interface PipedFlags extends AdminOptions {
  readonly project: string;
  readonly piped: string;
}

/** `spanpass piped …`: administration of pipeds. */
export function pipedCommand(io: Io): Command {
  return new Command('piped')
    .description('register, list, disable and enable pipeds, and say what they may send')
    .addCommand(registerCommand(io))
    .addCommand(listCommand(io))
    .addCommand(scopesCommand(io))
    .addCommand(statusCommand(io, 'disable', 'refuse all that a piped sends, within a second, until it is enabled'))
    .addCommand(statusCommand(io, 'enable', 'take again what a disabled piped sends'));
}

function registerCommand(io: Io): Command {
  return withAdmin(withPiped(new Command('register')))
    .description('register a piped, or a known one anew, and print a one-time enrollment token')
    .addOption(new Option('--scopes <signal...>', 'what it may send; traces unless given').choices(SIGNALS))
    .option('--renew-token', 'the piped is registered already: only make a fresh token')
    .addHelpText(
      'after',
      examples(
        'spanpass piped register --project shop --piped edge-1',
        'spanpass piped register --project shop --piped edge-2 --scopes traces metrics',
      ),
    )
    .action(async (flags: PipedFlags & { scopes?: Signal[]; renewToken?: true }) => {
      const { project, piped } = flags;
      const admin = await connectAdmin(io, flags);
      const registered = flags.renewToken
        ? { project, piped, ...(await admin.createEnrollmentToken({ project, piped })) }
        : await admin.registerPiped({ project, piped, scopes: flags.scopes });
      await printResult(
        io,
        flags.json,
        registered,
        () =>
          `${piped} of ${project} is registered. Its enrollment token works once, until ${time(registered.enrollmentTokenExpiresAt)}:\n\n` +
          `  ${registered.enrollmentToken}\n\n` +
          `On the piped's machine:\n\n  spanpass enroll --control-plane ${controlPlaneOf(io, flags)} --token ${registered.enrollmentToken} --key-file key.json\n`,
      );
    });
}

function listCommand(io: Io): Command {
  return withAdmin(new Command('list'))
    .description('list pipeds')
    .addOption(new Option('--project <id>', 'only of this project').argParser(id))
    .addHelpText('after', examples('spanpass piped list --project shop', 'spanpass piped list --json | jq .items'))
    .action(async (flags: AdminOptions & { project?: string }) => {
      const admin = await connectAdmin(io, flags);
      const items = await admin.listPipeds(flags);
      await printResult(io, flags.json, { items }, () =>
        items.length === 0
          ? 'No pipeds yet: spanpass piped register --project P --piped D\n'
          : table(
              ['PROJECT', 'PIPED', 'STATUS', 'KEYS', 'LAST SEEN', 'REFUSED', 'SCOPES', 'CREATED'],
              items.map(item => [
                item.project,
                item.piped,
                item.projectStatus === 'disabled' ? 'project disabled' : item.pipedStatus,
                item.keys,
                lastSeen(item),
                refused(item.refusals),
                item.scopes.join(','),
                time(item.createdAt),
              ]),
            ),
      );
    });
}

/** When, and by what it was known then if not by its own key. */
function lastSeen({ lastSeenAt, lastSeenBy: [last] }: ListedPiped): string {
  if (lastSeenAt === undefined) return '-';
  const other = last === undefined || last.authenticator === 'piped-jwt' ? '' : ` by ${last.authenticator}`;
  return `${time(lastSeenAt)}${other}`;
}

/** What the piped itself sent and was refused; then, apart, what anybody may have sent in its name. */
function refused({ verified, claimed }: Refusals): string {
  const own = verified && `${verified.count} (${verified.lastReason})`;
  const others = claimed && `unproven: ${claimed.count} (${claimed.lastReason})`;
  return [own, others].filter(Boolean).join(', ') || '-';
}

function scopesCommand(io: Io): Command {
  return withAdmin(withPiped(new Command('scopes')))
    .description('say anew what a piped may send; true everywhere within a second')
    .addArgument(new Argument('<signal...>', 'all that it may send from now on').choices(SIGNALS))
    .addHelpText('after', examples('spanpass piped scopes --project shop --piped edge-1 traces metrics'))
    .action(async (signals: Signal[], flags: PipedFlags) => {
      const admin = await connectAdmin(io, flags);
      const piped = await admin.setPipedScopes(flags, signals);
      await printResult(
        io,
        flags.json,
        piped,
        () => `${piped.piped} of ${piped.project} may send ${piped.scopes.join(', ')}.\n`,
      );
    });
}

function statusCommand(io: Io, action: 'disable' | 'enable', description: string): Command {
  return withAdmin(withPiped(new Command(action)))
    .description(description)
    .addHelpText('after', examples(`spanpass piped ${action} --project shop --piped edge-1`))
    .action(async (flags: PipedFlags) => {
      const admin = await connectAdmin(io, flags);
      const piped = action === 'disable' ? await admin.disablePiped(flags) : await admin.enablePiped(flags);
      await printResult(io, flags.json, piped, () => `${piped.piped} of ${piped.project} is ${piped.pipedStatus}.\n`);
    });
}
