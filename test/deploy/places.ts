import { join } from 'node:path';
import { repoRoot } from '../engines/root.ts';

export const deployRoom = join(repoRoot, 'packages', 'deploy');
export const chartFolder = join(deployRoom, 'helm', 'spanpass');
