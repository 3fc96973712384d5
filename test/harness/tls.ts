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
