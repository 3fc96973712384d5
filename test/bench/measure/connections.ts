import { readdir, readFile, readlink } from 'node:fs/promises';

const ESTABLISHED = '01';

/** TCP connections that a process holds of those that came to one of these ports on 127.0.0.1. Linux alone. */
export async function connectionsOf(pid: number, ports: readonly number[]): Promise<number> {
  const inodes = inodesOf(await readFile('/proc/net/tcp', 'utf8'), ports);
  const folder = `/proc/${pid}/fd`;
  // One may have been closed in the meantime.
  const links = await Promise.all((await readdir(folder)).map(fd => readlink(`${folder}/${fd}`).catch(() => '')));
  return links.filter(link => inodes.has(link)).length;
}

/** As `/proc/PID/fd` names them. */
export function inodesOf(table: string, ports: readonly number[]): ReadonlySet<string> {
  const local = new Set(ports.map(port => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`));
  const lines = table.split('\n').map(line => line.trim().split(/\s+/));
  const found = lines.filter(([, address = '', , state]) => local.has(address) && state === ESTABLISHED);
  return new Set(found.map(fields => `socket:[${fields[9]}]`));
}
