// Removes from the packages under a folder what only builds, tests and explains them: run on the image's copy, never in a checkout.
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = process.argv[2];
if (root === undefined) throw new Error('slim.mjs FOLDER');

const kept = new Set(['dist', 'drizzle', 'package.json', 'docker']);
for (const room of readdirSync(join(root, 'packages'))) {
  const folder = join(root, 'packages', room);
  if (!statSync(folder).isDirectory()) continue;
  for (const entry of readdirSync(folder)) {
    if (!kept.has(entry)) rmSync(join(folder, entry), { recursive: true });
  }
}
// What compilers and debuggers want; licences stay.
const unread = /\.(map|d\.[cm]?ts)$|\/packages\/[^/]+\/dist\/.*\.test\./;
for (const entry of readdirSync(root, { recursive: true })) {
  const path = join(root, String(entry));
  if (unread.test(path)) rmSync(path, { force: true });
}
