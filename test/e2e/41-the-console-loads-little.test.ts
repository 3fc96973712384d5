import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';

const MAX_BYTES = 250_000;
const index = createRequire(new URL('../../packages/control-plane/package.json', import.meta.url)).resolve(
  '@spanpass/console/index.html',
);

it('what the first page of the console loads is less than 250 kB, compressed', () => {
  const html = readFileSync(index, 'utf8');
  const named = [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, file]) => file ?? '');
  expect(named.some(file => file.endsWith('.js')) && named.some(file => file.endsWith('.css'))).toBe(true);
  const files = [html, ...named.map(file => readFileSync(join(dirname(index), file)))];
  const bytes = files.reduce((sum, file) => sum + gzipSync(file).length, 0);
  expect(bytes).toBeLessThan(MAX_BYTES);
  expect(bytes).toBeGreaterThan(50_000);
});

it('the page holds nothing that its policy would not let in', () => {
  const html = readFileSync(index, 'utf8');
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=|https?:/);
});
