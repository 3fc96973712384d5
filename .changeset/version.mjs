// Makes the next version of what the changesets ask for: in every package, in the changelog, in the chart and the compose file, and in the
// lock file. Run as `npm run version`.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = '.changeset';
const read = path => readFileSync(path, 'utf8');
const change = (path, how) => writeFileSync(path, how(read(path)));
const json = value => `${JSON.stringify(value, undefined, 2)}\n`;

const changes = readdirSync(folder)
  .filter(file => file.endsWith('.md') && file !== 'README.md')
  .sort()
  .map(file => read(join(folder, file)).replace(/^---\n.*?^---\n/ms, ''))
  .map(text => `- ${text.trim().replaceAll('\n', '\n  ')}`);
if (changes.length === 0) {
  process.stderr.write('there is no changeset: npm run changeset\n');
  process.exit(1);
}

const { status } = spawnSync('changeset', ['version'], { stdio: 'inherit' });
if (status !== 0) process.exit(1);
const { version } = JSON.parse(read('packages/cli/package.json'));

const date = new Date().toISOString().slice(0, 10);
change('CHANGELOG.md', text => {
  const [head, rest = ''] = text.split(/^## Unreleased\n/m);
  const [before, after = ''] = rest.split(/(?=^## )/ms, 2);
  const lines = [before.trim(), ...changes].filter(line => line !== '').join('\n');
  return `${head}## Unreleased\n\n## ${version}, ${date}\n\n${lines}\n${after === '' ? '' : `\n${rest.slice(before.length)}`}`;
});
change('package.json', text => text.replace(/"version": "[^"]+"/, `"version": "${version}"`));
change('packages/deploy/helm/spanpass/Chart.yaml', text =>
  text.replace(/^(version|appVersion): .*$/gm, `$1: ${version}`),
);
change('packages/deploy/compose/compose.yaml', text => text.replace(/(?<=SPANPASS_VERSION:-)[^}]+/, version));
change('package-lock.json', text => {
  const lock = JSON.parse(text);
  lock.version = version;
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path.includes('node_modules/')) continue;
    const manifest = JSON.parse(read(join(path, 'package.json')));
    for (const key of ['version', 'dependencies', 'devDependencies']) {
      if (entry[key] !== undefined) entry[key] = manifest[key];
    }
  }
  return json(lock);
});
process.stdout.write(`${version}\n`);
