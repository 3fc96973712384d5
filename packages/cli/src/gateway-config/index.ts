export { collectorConfig } from './collector/index.ts';
export type { CollectorOptions } from './collector/options.ts';
export { gatewayDefaults } from './defaults.ts';
export { envoyConfig } from './envoy/index.ts';
export type { EnvoyOptions } from './envoy/options.ts';
export { nginxConfig } from './nginx/index.ts';
export type { NginxOptions } from './nginx/options.ts';
