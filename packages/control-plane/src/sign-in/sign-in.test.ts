import { expect, it } from 'vitest';
import { parseEncryptionKeys } from '../sealing/encryption-keys.ts';
import { applyMigrations } from '../store/migrate.ts';
import { EMBEDDED, openStore } from '../testing/databases.test.support.ts';
import type { Attempt, IdentityProvider } from './identity-provider.ts';
import { signInOptionsSchema } from './options.ts';
import { SignIn } from './sign-in.ts';

const encryptionKeys = parseEncryptionKeys(Buffer.alloc(32, 1).toString('base64'), 'here');

/** Takes whoever comes back, and keeps what each was sent with. */
function trustingProvider() {
  const attempts: Attempt[] = [];
  const provider: Pick<IdentityProvider, 'authorizationUrl' | 'redeem'> = {
    async authorizationUrl(attempt) {
      attempts.push(attempt);
      return new URL('https://login.example.com/');
    },
    redeem: async () => ({
      person: { issuer: 'https://login.example.com', subject: 'eve' },
      grant: { role: 'viewer', projects: 'all' },
    }),
  };
  return { attempts, provider: provider as IdentityProvider };
}

it('that was begun under other rules is not finished under these', async () => {
  await using database = await EMBEDDED.create();
  const store = await openStore(database);
  try {
    await store.exclusively(applyMigrations);
    const { attempts, provider } = trustingProvider();
    const under = (value: string) =>
      new SignIn({
        settings: signInOptionsSchema.parse({
          issuer: 'https://login.example.com',
          clientId: 'spanpass',
          grants: [{ claim: 'groups', value, role: 'viewer' }],
        }),
        provider,
        registry: { store, encryptionKeys, now: () => 0 },
        consoleUrl: () => 'https://console.example.com',
      });
    const { kept } = await under('before').begin('/');
    const answer = new URLSearchParams({ state: attempts[0]?.state ?? '' });
    await expect(under('after').finish(answer, kept)).rejects.toMatchObject({ code: 'sign_in_state_invalid' });
    expect(await under('before').finish(answer, kept)).toMatchObject({ person: { subject: 'eve' }, to: '/' });
  } finally {
    await store.close();
  }
});
