import { createClient } from '@spanpass/client';
import { envoyConfig } from 'spanpass';
import { parse } from 'yaml';
import { type GatewayAuth, jwtAuthn } from './envoy.ts';
import { controlPlane, piped } from './spanpass.ts';
import type { World } from './world.ts';

/** A fresh access token of the piped, as its client gets it from the control plane. */
export async function accessToken(world: World): Promise<string> {
  const { keyFilePath } = await piped(world);
  const client = createClient({ keyFile: keyFilePath, exchange: true });
  try {
    return await client.source.credential();
  } finally {
    await client[Symbol.asyncDispose]();
  }
}

/** Envoy's filter as barely as beside it, with the keys that the control plane publishes. */
export async function bareAccessTokens(world: World): Promise<GatewayAuth> {
  const issuer = await controlPlane(world);
  const http_uri = { uri: `${issuer}/oauth2/jwks`, cluster: 'auth', timeout: '3s' };
  const keys = { remote_jwks: { http_uri, cache_duration: '60s', async_fetch: {} } };
  return exchanged(issuer, [jwtAuthn(issuer, keys, true)]);
}

interface Generated {
  readonly static_resources: {
    readonly listeners: readonly {
      readonly filter_chains: readonly {
        readonly filters: readonly { readonly typed_config: { readonly http_filters: readonly { name: string }[] } }[];
      }[];
    }[];
  };
}

/** Both doors of `spanpass gateway envoy --check jwt`: it stamps who sends, and demands the scope of the signal. */
export async function generatedAccessTokens(world: World): Promise<GatewayAuth> {
  const issuer = await controlPlane(world);
  const nowhere = ['127.0.0.1:9'];
  const text = envoyConfig({
    auth: { mode: 'jwt', issuer, endpoints: [new URL(issuer).host] },
    upstream: { grpc: nowhere, http: nowhere },
  });
  const [listener] = (parse(text) as Generated).static_resources.listeners;
  const filters = listener?.filter_chains[0]?.filters[0]?.typed_config.http_filters ?? [];
  const doors = filters.filter(({ name }) => /\.(jwt_authn|rbac)$/.test(name));
  if (doors.length !== 2) throw new Error(`there are not two doors: ${filters.map(({ name }) => name)}`);
  return exchanged(issuer, doors);
}

function exchanged(issuer: string, filters: readonly object[]): GatewayAuth {
  return { mode: 'exchanged', filters, issuerPort: Number(new URL(issuer).port) };
}
