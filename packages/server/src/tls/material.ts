import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { readBounded } from '../files/read-bounded.ts';
import { TlsError, type TlsOptions } from './options.ts';

/** What a listener shows and whom it trusts, judged as a whole. */
export interface TlsMaterial {
  readonly context: SecureContextOptions;
  /** Whether clients must show a certificate. */
  readonly demandsCertificate: boolean;
  /** When the certificate ends, NumericDate seconds. */
  readonly expiresAt: number;
}

const MAX_PEM_BYTES = 1024 * 1024;

/**
 * Reads and judges: each text is whole, the key belongs to the certificate, which has not expired, and there is somebody
 * to trust where clients must show a certificate. OpenSSL takes a file that was cut off for a shorter one, and no CA for
 * any.
 *
 * @throws TlsError
 */
export async function readMaterial(options: TlsOptions, now: () => number): Promise<TlsMaterial> {
  const { cert, key, clientCa } = await textsOf(options);
  const [own] = certificatesIn(cert);
  if (own === undefined) throw new TlsError('malformed', `${cert.name}: no certificate in it`);
  const privateKey = privateKeyIn(key);
  if (!own.checkPrivateKey(privateKey)) {
    throw new TlsError('mismatch', `${key.name} is not the key of the certificate in ${cert.name}`);
  }
  const expiresAt = Math.floor(Date.parse(own.validTo) / 1000);
  if (!(expiresAt * 1000 > now())) throw new TlsError('expired', `${cert.name}: expired at ${own.validTo}`);
  if (clientCa !== undefined && certificatesIn(clientCa).length === 0) {
    throw new TlsError('malformed', `${clientCa.name}: no certificate in it`);
  }
  const context: SecureContextOptions = {
    cert: cert.text,
    key: key.text,
    minVersion: options.minVersion ?? 'TLSv1.2',
    ...(clientCa && { ca: clientCa.text }),
  };
  try {
    createSecureContext(context);
  } catch (cause) {
    throw new TlsError('malformed', `${cert.name} and ${key.name} can't be used together`, { cause });
  }
  return { context, demandsCertificate: clientCa !== undefined, expiresAt };
}

interface Pem {
  /** For messages. */
  readonly name: string;
  readonly text: string;
}

async function textsOf(options: TlsOptions): Promise<{ cert: Pem; key: Pem; clientCa: Pem | undefined }> {
  if ('certFile' in options) {
    const { certFile, keyFile, clientCaFile } = options;
    const [cert, key, clientCa] = await Promise.all([
      read(certFile),
      read(keyFile),
      clientCaFile === undefined ? undefined : read(clientCaFile),
    ]);
    return { cert, key, clientCa };
  }
  const { cert, key, clientCa } = options;
  return {
    cert: { name: 'cert', text: cert },
    key: { name: 'key', text: key },
    clientCa: clientCa === undefined ? undefined : { name: 'clientCa', text: clientCa },
  };
}

async function read(name: string): Promise<Pem> {
  try {
    return { name, text: (await readBounded(name, MAX_PEM_BYTES)).toString('latin1') };
  } catch (cause) {
    const reason = cause instanceof RangeError ? cause.message : (cause as NodeJS.ErrnoException).code;
    throw new TlsError('unreadable', `can't read ${name} (${reason ?? 'unknown reason'})`, { cause });
  }
}

const BEGIN = /^-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/gm;
const CERTIFICATE = /^-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[^-]+-----END \1-----/gm;

/** @throws TlsError if one of them is cut off, or is none */
function certificatesIn({ name, text }: Pem): X509Certificate[] {
  const whole = text.match(CERTIFICATE) ?? [];
  if (whole.length !== (text.match(BEGIN) ?? []).length) throw new TlsError('malformed', `${name}: cut off`);
  try {
    return whole.map(one => new X509Certificate(one));
  } catch (cause) {
    throw new TlsError('malformed', `${name}: not a certificate`, { cause });
  }
}

/** @throws TlsError */
function privateKeyIn({ name, text }: Pem): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    // The cause could quote the key.
    throw new TlsError('malformed', `${name}: not an unencrypted private key`);
  }
}
