import { z } from 'zod';
import { gatewayDefaults } from './defaults.ts';

/** Lower case, as HTTP/2 wants it, and without an underscore, which the gateway refuses in any request. */
const headerName = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/, 'must be a lower-case header name');

const environmentName = z.string().regex(/^[A-Z_][A-Z0-9_]{0,127}$/, 'must be the name of an environment variable');

/** The names that Envoy writes and the Collector reads: give both generators the same. */
export const sharedNames = {
  projectHeader: headerName.default(gatewayDefaults.projectHeader),
  pipedHeader: headerName.default(gatewayDefaults.pipedHeader),
  gatewayHeader: headerName.default(gatewayDefaults.gatewayHeader),
  gatewayTokenEnv: environmentName.default(gatewayDefaults.gatewayTokenEnv),
};
