import { z } from 'zod';

const file = z.string().min(1).max(4096);

/** A listener's certificate: PEM files, which are read again when they change. */
export const tlsSettings = z.strictObject({
  certFile: file.describe('Its certificate, and the chain above it.'),
  keyFile: file.describe('Its private key, not encrypted.'),
  clientCaFile: file.optional().describe('Whose client certificates are let in; without it none is asked for.'),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('The oldest version that is spoken.'),
});
