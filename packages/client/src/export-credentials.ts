import type { CredentialSource } from './contract.ts';
import { authorizationHeaders } from './http.ts';

/** What a durable exporter asks of credentials; a structure, so that neither side has to know the other. */
export interface ExportCredentials {
  headers(): Promise<Record<string, string>>;
  invalidate(refused: { readonly authorization?: string }): void;
  /** Credentials are made by the server's clock from then on. Only told of a server that is trusted. */
  correctClock?(serverDateMs: number): void;
}

export function createExportCredentials(
  source: CredentialSource,
  timeoutMs: number,
  correctClock: ((serverDateMs: number) => void) | undefined,
): ExportCredentials {
  return {
    headers: () => authorizationHeaders(source, timeoutMs),
    invalidate({ authorization }) {
      const [, token] = /^Bearer (.+)$/.exec(authorization ?? '') ?? [];
      if (token !== undefined) source.invalidate(token);
    },
    ...(correctClock && { correctClock }),
  };
}
