export * from './gateway-config/index.ts';
