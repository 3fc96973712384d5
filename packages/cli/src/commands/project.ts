import { Command } from 'commander';
import { connectAdmin } from '../admin/connect.ts';
import { type Io, printResult } from '../io.ts';
import { table } from '../output/table.ts';
import { time } from '../output/time.ts';
import { type AdminOptions, examples, id, withAdmin } from './options.ts';

/** `spanpass project …`: administration of projects. */
export function projectCommand(io: Io): Command {
  return new Command('project')
    .description('list, create, disable and enable projects')
    .addCommand(listCommand(io))
    .addCommand(createCommand(io))
    .addCommand(statusCommand(io, 'disable', 'refuse all pipeds of a project, within a second, until it is enabled'))
    .addCommand(statusCommand(io, 'enable', 'take again what the pipeds of a disabled project send'));
}

function listCommand(io: Io): Command {
  return withAdmin(new Command('list'))
    .description('list projects')
    .addHelpText('after', examples('spanpass project list', 'spanpass project list --json | jq .items'))
    .action(async (flags: AdminOptions) => {
      const admin = await connectAdmin(io, flags);
      const items = await admin.listProjects();
      await printResult(io, flags.json, { items }, () =>
        items.length === 0
          ? 'No projects yet: spanpass project create P\n'
          : table(
              ['PROJECT', 'STATUS', 'CREATED'],
              items.map(({ project, projectStatus, createdAt }) => [project, projectStatus, time(createdAt)]),
            ),
      );
    });
}

function createCommand(io: Io): Command {
  return withAdmin(new Command('create'))
    .description('create a project; registering its first piped does so too')
    .argument('<project>', 'its id', id)
    .addHelpText('after', examples('spanpass project create shop'))
    .action(async (project: string, flags: AdminOptions) => {
      const admin = await connectAdmin(io, flags);
      const created = await admin.createProject(project);
      await printResult(
        io,
        flags.json,
        created,
        () =>
          `The project ${created.project} is there. Its first piped: spanpass piped register --project ${created.project} --piped D\n`,
      );
    });
}

function statusCommand(io: Io, action: 'disable' | 'enable', description: string): Command {
  return withAdmin(new Command(action))
    .description(description)
    .argument('<project>', 'its id', id)
    .addHelpText('after', examples(`spanpass project ${action} shop`))
    .action(async (project: string, flags: AdminOptions) => {
      const admin = await connectAdmin(io, flags);
      const changed = action === 'disable' ? await admin.disableProject(project) : await admin.enableProject(project);
      await printResult(io, flags.json, changed, () => `The project ${changed.project} is ${changed.projectStatus}.\n`);
    });
}
