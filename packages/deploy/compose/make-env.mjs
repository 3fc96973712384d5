// Writes `.env` beside this file, with secrets of its own for this machine; what is there already stays.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = process.argv[2] ?? fileURLToPath(new URL('.env', import.meta.url));
const token = () => randomBytes(32).toString('base64url');
const secrets = {
  POSTGRES_PASSWORD: token(),
  SPANPASS_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  SPANPASS_ADMIN_TOKEN: token(),
  SPANPASS_AUTH_SERVER_TOKEN: token(),
  GATEWAY_TOKEN: token(),
  GRAFANA_PASSWORD: token(),
};
const lines = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
try {
  writeFileSync(file, lines.join(''), { flag: 'wx', mode: 0o600 });
  process.stdout.write(`${file}\n`);
} catch (error) {
  if (error.code !== 'EEXIST') throw error;
  process.stderr.write(`${file} is there already: its secrets stay\n`);
  process.exitCode = 1;
}
