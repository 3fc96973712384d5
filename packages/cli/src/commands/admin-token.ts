import { type AccessToken, ROLES, type Role, TOKEN_STATES, type TokenState } from '@spanpass/control-plane/client';
import { Command, InvalidArgumentError, Option } from 'commander';
import { connectAdmin } from '../admin/connect.ts';
import { type Io, printResult } from '../io.ts';
import { table } from '../output/table.ts';
import { time } from '../output/time.ts';
import { type AdminOptions, examples, id, withAdmin } from './options.ts';

const UNIT_SECONDS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 };

/** `spanpass admin-token …`: tokens of those who call the control plane. */
export function adminTokenCommand(io: Io): Command {
  return new Command('admin-token')
    .description("create, list and revoke tokens for the control plane's API: of administrators and of auth servers")
    .addCommand(createCommand(io))
    .addCommand(listCommand(io))
    .addCommand(revokeCommand(io));
}

interface CreateFlags extends AdminOptions {
  readonly name: string;
  readonly role: Role;
  readonly project?: string[];
  readonly life: number;
}

function createCommand(io: Io): Command {
  return withAdmin(new Command('create'))
    .description('create a token, which is shown this once')
    .requiredOption('--name <name>', 'who has it')
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory())
    .addOption(
      new Option('--project <id...>', 'bind it to these projects; for project-admin and viewer').argParser(
        (text: string, before: string[] = []) => [...before, id(text)],
      ),
    )
    .addOption(
      new Option('--life <time>', 'until it ends: 30m, 12h, 90d').argParser(lifeOf).default(90 * 86_400, '90d'),
    )
    .addHelpText(
      'after',
      examples(
        'spanpass admin-token create --name alice --role project-admin --project shop',
        'spanpass admin-token create --name eu-1 --role auth-server --life 365d --json | jq -r .token',
      ),
    )
    .action(async (flags: CreateFlags) => {
      const { name, role, project: projects, life: lifeSeconds } = flags;
      const admin = await connectAdmin(io, flags);
      const created = await admin.createToken({ name, role, lifeSeconds, ...(projects && { projects }) });
      await printResult(
        io,
        flags.json,
        created,
        () =>
          `${created.name} is ${created.role}${boundTo(created)}, until ${time(created.expiresAt ?? 0)}. The token is shown this once:\n\n` +
          `  ${created.token}\n\nTo revoke it: spanpass admin-token revoke ${created.id}\n`,
      );
    });
}

function listCommand(io: Io): Command {
  return withAdmin(new Command('list'))
    .description('list tokens, with their last use; not the tokens themselves')
    .addOption(new Option('--role <role>', 'only of this role').choices(ROLES))
    .addOption(new Option('--state <state>', 'only in this state').choices(TOKEN_STATES))
    .addHelpText('after', examples('spanpass admin-token list --state active'))
    .action(async (flags: AdminOptions & { role?: Role; state?: TokenState }) => {
      const admin = await connectAdmin(io, flags);
      const items = await admin.listTokens(flags);
      await printResult(io, flags.json, { items }, () =>
        table(
          ['ID', 'NAME', 'ROLE', 'PROJECTS', 'STATE', 'UNTIL', 'LAST USED'],
          items.map(token => [
            token.id,
            token.name,
            token.role,
            token.projects?.join(',') ?? 'all',
            token.tokenState,
            token.expiresAt === undefined ? 'replaced' : time(token.expiresAt),
            token.lastUsedAt === undefined ? '-' : time(token.lastUsedAt),
          ]),
        ),
      );
    });
}

function revokeCommand(io: Io): Command {
  return withAdmin(new Command('revoke'))
    .description('revoke a token for good')
    .argument('<id>', "the token's id, as 'admin-token list' shows it", tokenId)
    .addHelpText('after', examples('spanpass admin-token revoke 6f1c0a52-8d0e-4f0e-9a43-0c6a6c1f7f0e'))
    .action(async (tokenId: string, flags: AdminOptions) => {
      const admin = await connectAdmin(io, flags);
      const revoked = await admin.revokeToken(tokenId);
      await printResult(io, flags.json, revoked, () => `The token of ${revoked.name} (${revoked.id}) is revoked.\n`);
    });
}

function boundTo({ projects }: AccessToken): string {
  return projects ? ` of ${projects.join(', ')}` : '';
}

function lifeOf(text: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,6})([mhd])$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('It must be a number and m, h or d, like 90d.');
  return Number(count) * (UNIT_SECONDS[unit] ?? 0);
}

function tokenId(text: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) {
    throw new InvalidArgumentError("It must be a token's id, never the token.");
  }
  return text;
}
