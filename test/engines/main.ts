/** `npm run engines -w test [-- envoy otelcol …]`: installs what is named, or all of it, and prints where it is. */
import { EngineMissing, type EngineName, engineNames, engineOrMissing } from './index.ts';
import { isEngineName } from './names.ts';

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.filter(arg => !isEngineName(arg));
  if (unknown.length > 0) {
    process.stderr.write(`engines: unknown: ${unknown.join(', ')}; known are: ${engineNames.join(', ')}\n`);
    return 2;
  }
  const wanted = args.length === 0 ? engineNames : (args as EngineName[]);
  let missing = 0;
  // One after the other: each of them keeps all cores busy by itself.
  for (const name of wanted) {
    const found = await engineOrMissing(name);
    if (found instanceof EngineMissing) {
      missing += 1;
      process.stderr.write(`engines: ${found.message}\n`);
    } else {
      process.stdout.write(`${found.name}\t${found.version}\t${found.path}\n`);
    }
  }
  return missing === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
