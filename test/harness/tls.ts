import { mkdir, mkdtemp, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../engines/run.ts';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate for 127.0.0.1 and localhost that vouches for itself, good for a day. */
export async function selfSigned(folder: string): Promise<CertificateFiles> {
  const certFile = join(folder, 'cert.pem');
  const keyFile = join(folder, 'key.pem');
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  await run('openssl', ['req', '-x509', '-days', '1', ...key, '-out', certFile, ...subject]);
  return { certFile, keyFile };
}

export interface Authority {
  readonly caFile: string;
  /** A certificate for 127.0.0.1 and localhost, signed by this authority. */
  issue(name: string): Promise<CertificateFiles>;
}

/** An authority that keeps what it makes in the folder. */
export async function createAuthority(folder: string, name: string): Promise<Authority> {
  const at = (file: string) => join(folder, `${name}-${file}`);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const [caFile, caKey] = [at('ca.pem'), at('ca.key')];
  await run('openssl', [
    'req',
    '-x509',
    '-days',
    '1',
    ...newKey,
    '-keyout',
    caKey,
    '-out',
    caFile,
    '-subj',
    `/CN=${name}`,
  ]);
  await writeFile(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  return {
    caFile,
    async issue(subject) {
      const [certFile, keyFile, request] = [at(`${subject}.crt`), at(`${subject}.key`), at(`${subject}.csr`)];
      await run('openssl', ['req', ...newKey, '-keyout', keyFile, '-out', request, '-subj', `/CN=${subject}`]);
      const signed = ['-in', request, '-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-days', '1'];
      await run('openssl', ['x509', '-req', ...signed, '-extfile', at('names'), '-out', certFile]);
      return { certFile, keyFile };
    },
  };
}

/** Files as Kubernetes mounts a secret: links into a folder that is swapped as a whole. */
export async function mountSecret(folder: string, names: readonly string[]) {
  await mkdir(folder, { recursive: true });
  for (const name of names) await symlink(join('..data', name), join(folder, name));
  return {
    async swap(contents: Readonly<Record<string, string | Buffer>>): Promise<void> {
      const next = await mkdtemp(join(folder, '..version-'));
      for (const [name, content] of Object.entries(contents)) await writeFile(join(next, name), content);
      await symlink(next, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    },
  };
}
