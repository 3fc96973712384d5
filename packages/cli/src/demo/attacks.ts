import { createKeyPair, importSigningKey, type KeyFile, signCredential } from '@spanpass/credential';

/** Something that must be refused. */
export interface Attack {
  readonly name: string;
  /** The `authorization` that it shows. */
  readonly authorization: string | undefined;
}

/** What somebody may try with the key file of a piped, or without. */
export async function attacksWith(file: KeyFile): Promise<Attack[]> {
  const { privateJwk } = await createKeyPair(file.alg);
  return [
    { name: 'no credential', authorization: undefined },
    { name: 'a forged signature', authorization: await credential({ ...file, privateJwk }) },
    {
      name: "another project's id in the claims",
      authorization: await credential({ ...file, project: 'another-project' }),
    },
  ];
}

/** An honest `authorization`. */
export async function credential(file: KeyFile): Promise<string> {
  const token = await signCredential(await importSigningKey(file), { purpose: 'gateway', audience: file.audience });
  return `Bearer ${token}`;
}
