import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** An authority of its own, made by openssl, that signs certificates for 127.0.0.1 and localhost. */
export interface Authority {
  readonly ca: string;
  issue(name: string): Pair;
}

export function createAuthority(name: string): Authority {
  const own = selfSigned(name, []);
  return {
    ca: own.cert,
    issue: subject =>
      inTempDir(dir => {
        const at = (file: string) => join(dir, file);
        writeFileSync(at('ca.pem'), own.cert);
        writeFileSync(at('ca.key'), own.key);
        writeFileSync(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
        openssl('req', ...NEW_KEY, '-keyout', at('key'), '-out', at('request'), '-subj', `/CN=${subject}`);
        const signed = ['-in', at('request'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial'];
        openssl('x509', '-req', ...signed, '-days', '1', '-extfile', at('names'), '-out', at('cert'));
        return { cert: readFileSync(at('cert'), 'utf8'), key: readFileSync(at('key'), 'utf8') };
      }),
  };
}

export function selfSigned(name: string, options = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']): Pair {
  return inTempDir(dir => {
    const [keyFile, certFile] = [join(dir, 'key'), join(dir, 'cert')];
    const made = ['-x509', '-days', '1', ...NEW_KEY, '-keyout', keyFile, '-out', certFile, '-subj', `/CN=${name}`];
    openssl('req', ...made, ...options);
    return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  });
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore', timeout: 20_000 });
}

function inTempDir<T>(work: (dir: string) => T): T {
  const dir = mkdtempSync(join(tmpdir(), 'spanpass-certificates-'));
  try {
    return work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}
