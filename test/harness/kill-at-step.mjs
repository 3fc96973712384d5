/**
 * To be given to Node.js with `--import`: counts what a process does to files and over HTTP, writes each step's name into
 * the file KILL_LOG, and kills the process in front of the step KILL_AT, as nothing but a power switch could do harder.
 */
import { appendFileSync } from 'node:fs';
import fs from 'node:fs/promises';

const killAt = Number(process.env.KILL_AT);
let steps = 0;

function step(name) {
  if (steps++ === killAt) process.kill(process.pid, 'SIGKILL');
  appendFileSync(process.env.KILL_LOG, `${name}\n`);
}

for (const name of ['link', 'rename', 'rm']) {
  const real = fs[name];
  fs[name] = async (...args) => {
    step(name);
    return real(...args);
  };
}

const { open } = fs;
fs.open = async (path, flags, mode) => {
  step(`open ${flags}`);
  const handle = await open(path, flags, mode);
  const { writeFile, sync } = handle;
  handle.writeFile = async text => {
    step('write');
    await writeFile.call(handle, text.slice(0, text.length / 2));
    step('half written');
    await writeFile.call(handle, text.slice(text.length / 2));
  };
  handle.sync = async () => {
    step('sync');
    return sync.call(handle);
  };
  return handle;
};

const { fetch } = globalThis;
globalThis.fetch = async (...args) => {
  step('ask');
  const response = await fetch(...args);
  step('answered');
  return response;
};
