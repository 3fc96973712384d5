import { ControlPlaneApiError } from '@spanpass/control-plane/client';
import { Command, CommanderError } from 'commander';
import { adviseOn } from './admin/connect.ts';
import { adminTokenCommand } from './commands/admin-token.ts';
import { auditCommand } from './commands/audit.ts';
import { checkCommand } from './commands/check.ts';
import { completionCommand } from './commands/completion.ts';
import { controlPlaneCommand } from './commands/control-plane.ts';
import { enrollCommand } from './commands/enroll.ts';
import { forwardCommand } from './commands/forward.ts';
import { gatewayCommand } from './commands/gateway.ts';
import { keyCommand } from './commands/key.ts';
import { pipecdCommand } from './commands/pipecd.ts';
import { pipedCommand } from './commands/piped.ts';
import { projectCommand } from './commands/project.ts';
import { renewCommand } from './commands/renew.ts';
import { serverCommand } from './commands/server.ts';
import { spoolCommand } from './commands/spool.ts';
import { tokenCommand } from './commands/token.ts';
import { traceCommand } from './commands/trace.ts';
import { upCommand } from './commands/up.ts';
import { Failure, oneLine } from './failure.ts';
import { type Io, tell } from './io.ts';
import type { UpOverrides } from './up/run-up.ts';
import { version } from './version.ts';

/** Runs one command line and returns the exit code: 0 done, 1 refused or failed, 2 wrong usage. Never rejects. */
export async function run(args: readonly string[], io: Io, overrides: UpOverrides = {}): Promise<0 | 1 | 2> {
  try {
    await createProgram(io, overrides).parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has said what is wrong, or shown the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const told = error instanceof ControlPlaneApiError ? adviseOn(error) : error;
    const interrupted = io.stop.aborted && (error as Error | undefined)?.name === 'AbortError';
    await tell(io, `spanpass: ${interrupted ? 'interrupted' : oneLine(told)}`);
    return error instanceof Failure ? error.exitCode : 1;
  }
}

export function createProgram(io: Io, overrides: UpOverrides = {}): Command {
  const program = new Command('spanpass')
    .description('Short-lived, signed passes for OpenTelemetry.')
    .version(version(), '--version')
    .addCommand(upCommand(io, overrides))
    .addCommand(controlPlaneCommand(io))
    .addCommand(serverCommand(io))
    .addCommand(projectCommand(io))
    .addCommand(pipedCommand(io))
    .addCommand(pipecdCommand(io))
    .addCommand(keyCommand(io))
    .addCommand(adminTokenCommand(io))
    .addCommand(auditCommand(io))
    .addCommand(enrollCommand(io))
    .addCommand(renewCommand(io))
    .addCommand(tokenCommand(io))
    .addCommand(checkCommand(io))
    .addCommand(gatewayCommand(io))
    .addCommand(forwardCommand(io))
    .addCommand(spoolCommand(io))
    .addCommand(traceCommand(io));
  program.addCommand(completionCommand(io, () => program));
  for (const command of withSubcommands(program)) {
    command
      .exitOverride()
      .showHelpAfterError(false)
      .helpCommand(false)
      .allowExcessArguments(false)
      .configureOutput({
        writeOut: text => io.stdout.write(text),
        writeErr: text => io.stderr.write(text),
        outputError: (text, writeLine) => writeLine(`spanpass: ${usageError(text)} (see: ${pathOf(command)} --help)\n`),
      });
  }
  return program;
}

function usageError(text: string): string {
  return text
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .trim();
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(sub => withSubcommands(sub))];
}
